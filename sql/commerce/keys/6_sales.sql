ALTER TABLE data_exporter_uuid
    ADD PRIMARY KEY (uuid_id),
    ADD UNIQUE (entity_id, type),
    ADD UNIQUE (uuid);

ALTER TABLE sales_order
    ADD PRIMARY KEY (entity_id),
    ADD UNIQUE (increment_id, store_id),
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE SET NULL;
CREATE INDEX ON sales_order (store_id);
CREATE INDEX ON sales_order (customer_id);

ALTER TABLE sales_order_item
    ADD PRIMARY KEY (item_id),
    ADD FOREIGN KEY (order_id) REFERENCES sales_order ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE SET NULL;
CREATE INDEX ON sales_order_item (order_id);
CREATE INDEX ON sales_order_item (product_id);
CREATE INDEX ON sales_order_item (store_id);

ALTER TABLE sales_order_address
    ADD PRIMARY KEY (entity_id),
    ADD FOREIGN KEY (parent_id) REFERENCES sales_order ON DELETE CASCADE;
CREATE INDEX ON sales_order_address (parent_id);

ALTER TABLE sales_order_payment
    ADD PRIMARY KEY (entity_id),
    ADD FOREIGN KEY (parent_id) REFERENCES sales_order ON DELETE CASCADE;
CREATE INDEX ON sales_order_payment (parent_id);

ALTER TABLE sales_order_tax ADD PRIMARY KEY (tax_id);
CREATE INDEX ON sales_order_tax (order_id);

ALTER TABLE sales_order_tax_item
    ADD PRIMARY KEY (tax_item_id),
    ADD UNIQUE (tax_id, item_id),
    ADD FOREIGN KEY (tax_id) REFERENCES sales_order_tax ON DELETE CASCADE,
    ADD FOREIGN KEY (item_id) REFERENCES sales_order_item ON DELETE CASCADE;
CREATE INDEX ON sales_order_tax_item (item_id);

ALTER TABLE sales_payment_transaction
    ADD PRIMARY KEY (transaction_id),
    ADD UNIQUE (order_id, payment_id, txn_id),
    ADD FOREIGN KEY (order_id) REFERENCES sales_order ON DELETE CASCADE,
    ADD FOREIGN KEY (payment_id) REFERENCES sales_order_payment ON DELETE CASCADE;
CREATE INDEX ON sales_payment_transaction (payment_id);

ALTER TABLE sales_invoice
    ADD PRIMARY KEY (entity_id),
    ADD UNIQUE (increment_id, store_id),
    ADD FOREIGN KEY (order_id) REFERENCES sales_order ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE SET NULL;
CREATE INDEX ON sales_invoice (order_id);
CREATE INDEX ON sales_invoice (store_id);

ALTER TABLE sales_invoice_item
    ADD PRIMARY KEY (entity_id),
    ADD FOREIGN KEY (parent_id) REFERENCES sales_invoice ON DELETE CASCADE;
CREATE INDEX ON sales_invoice_item (parent_id);
CREATE INDEX ON sales_invoice_item (order_item_id);

ALTER TABLE sales_shipment
    ADD PRIMARY KEY (entity_id),
    ADD UNIQUE (increment_id, store_id),
    ADD FOREIGN KEY (order_id) REFERENCES sales_order ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE SET NULL;
CREATE INDEX ON sales_shipment (order_id);
CREATE INDEX ON sales_shipment (store_id);

ALTER TABLE sales_shipment_item
    ADD PRIMARY KEY (entity_id),
    ADD FOREIGN KEY (parent_id) REFERENCES sales_shipment ON DELETE CASCADE;
CREATE INDEX ON sales_shipment_item (parent_id);
CREATE INDEX ON sales_shipment_item (order_item_id);

ALTER TABLE sales_creditmemo
    ADD PRIMARY KEY (entity_id),
    ADD UNIQUE (increment_id, store_id),
    ADD FOREIGN KEY (order_id) REFERENCES sales_order ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE SET NULL;
CREATE INDEX ON sales_creditmemo (order_id);
CREATE INDEX ON sales_creditmemo (store_id);

ALTER TABLE sales_creditmemo_item
    ADD PRIMARY KEY (entity_id),
    ADD FOREIGN KEY (parent_id) REFERENCES sales_creditmemo ON DELETE CASCADE;
CREATE INDEX ON sales_creditmemo_item (parent_id);
CREATE INDEX ON sales_creditmemo_item (order_item_id);

ALTER TABLE sales_shipment_track
    ADD PRIMARY KEY (entity_id),
    ADD FOREIGN KEY (parent_id) REFERENCES sales_shipment ON DELETE CASCADE;
CREATE INDEX ON sales_shipment_track (parent_id);
CREATE INDEX ON sales_shipment_track (order_id);

ALTER TABLE sales_creditmemo_comment
    ADD PRIMARY KEY (entity_id),
    ADD FOREIGN KEY (parent_id) REFERENCES sales_creditmemo ON DELETE CASCADE;
CREATE INDEX ON sales_creditmemo_comment (parent_id);
