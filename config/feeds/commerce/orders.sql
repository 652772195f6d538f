-- One document per order that has a UUID. Amounts are in the website's base currency; times are UTC (RFC 3339).
SELECT
    o.entity_id AS "_order_id",
    json_build_object('id', u.uuid) AS "orderId",
    o.entity_id::text AS "commerceOrderId",
    o.increment_id AS "commerceOrderNumber",
    json_build_object('id', o.entity_id::text, 'salesChannel', 'magento') AS "externalId",
    to_char(o.created_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "createdAt",
    to_char(o.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "updatedAt",
    CASE o.state
        WHEN 'new' THEN 1
        WHEN 'pending_payment' THEN 2
        WHEN 'processing' THEN 3
        WHEN 'complete' THEN 4
        WHEN 'closed' THEN 5
        WHEN 'canceled' THEN 6
        WHEN 'holded' THEN 7
        WHEN 'payment_review' THEN 8
    END AS "state",
    o.status AS "status",
    o.base_total_invoiced AS "totalInvoiced",
    o.total_qty_ordered AS "totalQtyOrdered",
    o.is_virtual = 1 AS "isVirtual",
    o.base_subtotal AS "subtotal",
    o.base_grand_total AS "grandTotal",
    o.base_discount_amount AS "discountAmount",
    o.base_currency_code AS "currency",
    paid.base_amount_paid_online AS "amountCapturedOnline",
    paid.base_amount_refunded_online AS "amountRefundedOnline",
    paid.base_amount_authorized AS "amountAuthorized",
    paid.base_amount_paid AS "amountPaid",
    paid.base_amount_refunded AS "amountRefunded",
    paid.base_amount_canceled AS "amountCanceled",
    scope.code AS "storeViewCode",
    scope.store_code AS "storeCode",
    scope.website_code AS "websiteCode",
    o.store_id AS "storeId",
    o.customer_id AS "customerId",
    o.customer_email AS "customerEmail",
    o.customer_note AS "customerNote",
    json_build_object(
        'billingAddress', address.billing,
        'paymentMethodName', paid.additional_information ->> 'method_title',
        'paymentMethodCode', paid.method,
        'totalAmount', o.base_subtotal,
        'taxAmount', o.base_tax_amount,
        'currency', o.base_currency_code
    ) AS "payment",
    json_build_object(
        'shippingAddress', address.shipping,
        'shippingMethodName', o.shipping_description,
        'shippingMethodCode', o.shipping_method,
        'shippingAmount', o.base_shipping_amount,
        'shippingTax', o.base_shipping_tax_amount
    ) AS "shipping",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object(
                        'itemId', json_build_object('id', iu.uuid),
                        'entityId', i.item_id::text,
                        'parentEntityId', i.parent_item_id::text,
                        'isVirtual', i.is_virtual = 1,
                        'qtyInvoiced', i.qty_invoiced,
                        'qtyShipped', i.qty_shipped,
                        'qtyBackordered', i.qty_backordered,
                        'qtyOrdered', i.qty_ordered,
                        'qtyRefunded', i.qty_refunded,
                        'qtyCanceled', i.qty_canceled,
                        'productType', i.product_type,
                        'productOptions', i.product_options,
                        'itemsShippedTogether', CASE i.product_type
                            WHEN 'configurable' THEN true
                            WHEN 'bundle' THEN COALESCE(i.product_options ~ '"shipment_type": *"?0', false)
                            ELSE false
                        END,
                        'sku', i.sku,
                        -- What was sold, where sku names the choice that was made of it.
                        'productSku', COALESCE(product.sku, i.sku),
                        'name', i.name,
                        'qty', i.qty_ordered::int,
                        'unitPrice', i.base_price,
                        'itemPrice', i.base_row_total,
                        'discountAmount', i.base_discount_amount,
                        'taxAmount', i.base_tax_amount,
                        'totalAmount', i.base_row_total_incl_tax,
                        'weight', i.weight,
                        'updatedAt', to_char(i.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00'),
                        'additionalInformation', (
                            SELECT
                                COALESCE(
                                    json_agg(
                                        json_build_object('name', e.key, 'value', e.value) ORDER BY e.key, e.value
                                    ),
                                    '[]'
                                )
                            FROM json_each_text(
                                CASE WHEN i.additional_data LIKE '{%}' THEN i.additional_data::json END
                            ) AS e
                        )
                    ) ORDER BY i.item_id
                )
            FROM sales_order_item AS i
            LEFT JOIN data_exporter_uuid AS iu ON iu.entity_id = i.item_id AND iu.type = 'order_item'
            LEFT JOIN catalog_product_entity AS product ON product.entity_id = i.product_id
            WHERE i.order_id = o.entity_id
        ),
        '[]'
    ) AS "items",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object(
                        'entityId', v.entity_id::text,
                        'isUsedForRefund', COALESCE(v.is_used_for_refund = 1, false),
                        'grandTotal', v.base_grand_total,
                        'createdAt', to_char(v.created_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00'),
                        'commerceInvoiceNumber', v.increment_id,
                        'invoiceItems', COALESCE(
                            (
                                SELECT
                                    json_agg(
                                        json_build_object(
                                            'orderItemId', json_build_object('id', iu.uuid), 'qtyInvoiced', vi.qty
                                        ) ORDER BY vi.entity_id
                                    )
                                FROM sales_invoice_item AS vi
                                LEFT JOIN data_exporter_uuid AS iu
                                    ON iu.entity_id = vi.order_item_id AND iu.type = 'order_item'
                                WHERE vi.parent_id = v.entity_id
                            ),
                            '[]'
                        )
                    ) ORDER BY v.entity_id
                )
            FROM sales_invoice AS v
            WHERE v.order_id = o.entity_id
        ),
        '[]'
    ) AS "invoices",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object(
                        'creditMemoId', json_build_object('id', mu.uuid),
                        'entityId', m.entity_id::text,
                        'state', m.state,
                        'createdAt', to_char(m.created_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00'),
                        'creditMemoComments', COALESCE(
                            (
                                SELECT json_agg(mc.comment ORDER BY mc.entity_id)
                                FROM sales_creditmemo_comment AS mc
                                WHERE mc.parent_id = m.entity_id
                            ),
                            '[]'
                        ),
                        'shippingAmount', m.base_shipping_amount,
                        'shippingTaxAmount', m.base_shipping_tax_amount,
                        'adjustment', m.base_adjustment_positive - m.base_adjustment_negative,
                        'currency', m.base_currency_code,
                        'refundTaxes', COALESCE(
                            (
                                SELECT
                                    json_agg(
                                        json_build_object(
                                            'taxName', refunded.title,
                                            'taxType', refunded.type,
                                            'taxAmount', refunded.amount
                                        ) ORDER BY refunded.tax_id, refunded.type
                                    )
                                FROM (
                                    -- Of each tax of the order the part that this credit memo gives back: as much of
                                    -- it as of the item's tax, or of that of the shipping.
                                    SELECT
                                        t.tax_id,
                                        t.title,
                                        ti.taxable_item_type AS type,
                                        sum(
                                            round(
                                                ti.base_amount * CASE
                                                    WHEN ti.taxable_item_type = 'shipping'
                                                        THEN m.base_shipping_tax_amount
                                                            / NULLIF(o.base_shipping_tax_amount, 0)
                                                    ELSE COALESCE(
                                                        mi.base_tax_amount / NULLIF(oi.base_tax_amount, 0),
                                                        mi.qty / NULLIF(oi.qty_ordered, 0)
                                                    )
                                                END,
                                                4
                                            )
                                        ) AS amount
                                    FROM sales_order_tax AS t
                                    INNER JOIN sales_order_tax_item AS ti ON ti.tax_id = t.tax_id
                                    LEFT JOIN sales_order_item AS oi ON oi.item_id = ti.item_id
                                    LEFT JOIN sales_creditmemo_item AS mi
                                        ON mi.order_item_id = ti.item_id AND mi.parent_id = m.entity_id
                                    WHERE t.order_id = m.order_id
                                    GROUP BY t.tax_id, t.title, ti.taxable_item_type
                                ) AS refunded
                                WHERE refunded.amount <> 0
                            ),
                            '[]'
                        ),
                        'subtotal', m.base_subtotal,
                        'productsTaxAmount', m.base_tax_amount,
                        'grandTotal', m.base_grand_total,
                        'commerceCreditMemoNumber', m.increment_id,
                        'refundItems', COALESCE(
                            (
                                SELECT
                                    json_agg(
                                        json_build_object(
                                            'orderItemId', json_build_object('id', iu.uuid),
                                            'qtyRefunded', mi.qty,
                                            'basePrice', mi.base_price,
                                            'baseRowTotal', mi.base_row_total - COALESCE(mi.base_discount_amount, 0),
                                            'productTaxes', COALESCE(
                                                (
                                                    SELECT
                                                        json_agg(
                                                            json_build_object(
                                                                'taxName', t.title,
                                                                'taxType', ti.taxable_item_type,
                                                                'taxAmount', round(
                                                                    ti.base_amount * COALESCE(
                                                                        mi.base_tax_amount
                                                                        / NULLIF(oi.base_tax_amount, 0),
                                                                        mi.qty / NULLIF(oi.qty_ordered, 0)
                                                                    ),
                                                                    4
                                                                )
                                                            ) ORDER BY t.tax_id, ti.tax_item_id
                                                        )
                                                    FROM sales_order_tax_item AS ti
                                                    INNER JOIN sales_order_tax AS t ON t.tax_id = ti.tax_id
                                                    INNER JOIN sales_order_item AS oi ON oi.item_id = ti.item_id
                                                    WHERE ti.item_id = mi.order_item_id
                                                ),
                                                '[]'
                                            )
                                        ) ORDER BY mi.entity_id
                                    )
                                FROM sales_creditmemo_item AS mi
                                LEFT JOIN data_exporter_uuid AS iu
                                    ON iu.entity_id = mi.order_item_id AND iu.type = 'order_item'
                                WHERE mi.parent_id = m.entity_id
                            ),
                            '[]'
                        )
                    ) ORDER BY m.entity_id
                )
            FROM sales_creditmemo AS m
            LEFT JOIN data_exporter_uuid AS mu ON mu.entity_id = m.entity_id AND mu.type = 'credit_memo'
            WHERE m.order_id = o.entity_id
        ),
        '[]'
    ) AS "creditMemos",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object(
                        'entityId', pt.transaction_id::text,
                        'txnId', pt.txn_id,
                        'type', pt.txn_type,
                        'createdAt', to_char(pt.created_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00')
                    ) ORDER BY pt.transaction_id
                )
            FROM sales_payment_transaction AS pt
            WHERE pt.order_id = o.entity_id
        ),
        '[]'
    ) AS "transactions",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object(
                        'shipmentId', json_build_object('id', su.uuid),
                        'createdAt', to_char(h.created_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00'),
                        'updatedAt', to_char(h.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00'),
                        -- One record in the document: the first parcel's.
                        'trackingInfo', (
                            SELECT
                                json_build_object(
                                    'shippingCarrier', k.carrier_code,
                                    'shippingMethod', o.shipping_method,
                                    'trackingNumber', k.track_number,
                                    -- The page of the shop on which the parcel is followed; in its hash stand the
                                    -- signs that a URL can bear instead of those of base64.
                                    'trackingUrl', scope.base_url || 'shipping/tracking/popup?hash=' || replace(
                                        translate(
                                            encode(
                                                convert_to(
                                                    'track_id:' || k.entity_id || ':' || o.protect_code, 'UTF8'
                                                ),
                                                'base64'
                                            ),
                                            E'+/\n',
                                            '-_'
                                        ),
                                        '=',
                                        '%2C'
                                    )
                                )
                            FROM sales_shipment_track AS k
                            WHERE k.parent_id = h.entity_id
                            ORDER BY k.entity_id
                            LIMIT 1
                        ),
                        'commerceShipmentNumber', h.increment_id,
                        'items', COALESCE(
                            (
                                SELECT
                                    json_agg(
                                        json_build_object(
                                            'orderItemId', json_build_object('id', iu.uuid), 'qtyShipped', hi.qty
                                        ) ORDER BY hi.entity_id
                                    )
                                FROM sales_shipment_item AS hi
                                LEFT JOIN data_exporter_uuid AS iu
                                    ON iu.entity_id = hi.order_item_id AND iu.type = 'order_item'
                                WHERE hi.parent_id = h.entity_id
                            ),
                            '[]'
                        )
                    ) ORDER BY h.entity_id
                )
            FROM sales_shipment AS h
            LEFT JOIN data_exporter_uuid AS su ON su.entity_id = h.entity_id AND su.type = 'order_shipment'
            WHERE h.order_id = o.entity_id
        ),
        '[]'
    ) AS "shipments",
    (
        SELECT COALESCE(json_agg(json_build_object('name', e.key, 'value', e.value) ORDER BY e.key, e.value), '[]')
        FROM json_each_text(paid.additional_information) AS e
    ) AS "additionalInformation"
FROM sales_order AS o
-- An order has no document before it has a UUID.
INNER JOIN data_exporter_uuid AS u ON u.entity_id = o.entity_id AND u.type = 'order'
-- The store views, each with its own address, its website's or the default one. GROUP BY has that gathered once a
-- statement, not once an order.
LEFT JOIN (
    SELECT
        view.store_id,
        view.code,
        sg.code AS store_code,
        website.code AS website_code,
        COALESCE(
            max(c.value) FILTER (WHERE c.scope = 'stores'),
            max(c.value) FILTER (WHERE c.scope = 'websites'),
            max(c.value) FILTER (WHERE c.scope = 'default')
        ) AS base_url
    FROM store AS view
    LEFT JOIN store_group AS sg ON sg.group_id = view.group_id
    LEFT JOIN store_website AS website ON website.website_id = view.website_id
    LEFT JOIN core_config_data AS c
        ON c.path = 'web/secure/base_url'
        AND (c.scope = 'default' OR c.scope = 'websites' AND c.scope_id = view.website_id
            OR c.scope = 'stores' AND c.scope_id = view.store_id)
    GROUP BY view.store_id, view.code, sg.code, website.code
) AS scope ON scope.store_id = o.store_id
LEFT JOIN LATERAL (
    SELECT
        y.method,
        CASE WHEN y.additional_information LIKE '{%}' THEN y.additional_information::json END
            AS additional_information,
        y.base_amount_paid_online,
        y.base_amount_refunded_online,
        y.base_amount_authorized,
        y.base_amount_paid,
        y.base_amount_refunded,
        y.base_amount_canceled
    FROM sales_order_payment AS y
    WHERE y.parent_id = o.entity_id
    ORDER BY y.entity_id
    LIMIT 1
) AS paid ON true
CROSS JOIN LATERAL (
    SELECT
        json_agg(a.address ORDER BY a.entity_id) FILTER (WHERE a.address_type = 'billing') -> 0 AS billing,
        json_agg(a.address ORDER BY a.entity_id) FILTER (WHERE a.address_type = 'shipping') -> 0 AS shipping
    FROM (
        SELECT
            oa.entity_id,
            oa.address_type,
            json_build_object(
                'phone', oa.telephone,
                'region', oa.region,
                'postcode', oa.postcode,
                'street', oa.street,
                'multiLineStreet', string_to_array(oa.street, E'\n'),
                'city', oa.city,
                'country', oa.country_id,
                'firstname', oa.firstname,
                'lastname', oa.lastname
            ) AS address
        FROM sales_order_address AS oa
        WHERE oa.parent_id = o.entity_id
    ) AS a
) AS address
