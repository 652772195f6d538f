"""Orders and their documents, each at a stage that fits the age of the order."""

from __future__ import annotations

import random
import uuid
from enum import IntEnum

from cdc_daemon.commerce.kinds import Kind, kind_of
from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.naming import moment, sku
from cdc_daemon.commerce.prices import price_of
from cdc_daemon.commerce.scopes import stock_of_website
from cdc_daemon.commerce.size import Size
from cdc_daemon.commerce.words import CITIES, FIRST_NAMES, LAST_NAMES

BATCH = 1000
ITEMS = 4
"""Largest number of items of an order. Each order reserves so many item numbers."""

_SHIPPING, _TAX = 5.0, 0.08
_UUIDS = uuid.UUID("6f0d4b2e-6d0f-4b3a-9d0a-4a1c2f3e5d70")


def batch(size: Size, first: int) -> Lines:
    """Return the rows of up to `BATCH` orders from number `first` on."""
    lines = Lines()
    chance = random.Random(f"{size.seed}/orders/{first}")  # noqa: S311 # the same rows for the same seed
    writer = OrderLines(lines, size)
    for order in range(first, min(first + BATCH, size.orders + 1)):
        writer.write(order, chance)
    return lines


class Stage(IntEnum):
    """The stage of an order."""

    PLACED = 0
    INVOICED = 1
    SHIPPED = 2
    REFUNDED = 3

    @property
    def state(self) -> str:
        """The order's `state` at this stage."""
        return ("new", "processing", "complete", "closed")[self]


def _some_stage(chance: random.Random) -> Stage:
    (stage,) = chance.choices(list(Stage), (25, 15, 56, 4))
    return stage


class OrderLines:
    """Writes orders into `lines`."""

    def __init__(self, lines: Lines, size: Size) -> None:
        self._size = size
        self._order = lines.into(
            *("sales_order", "entity_id", "increment_id", "state", "status", "is_virtual", "store_id"),
            *("customer_group_id", "base_discount_amount", "base_grand_total", "base_shipping_amount"),
            *("base_shipping_tax_amount", "base_subtotal", "base_tax_amount", "base_total_invoiced"),
            *("grand_total", "subtotal", "total_qty_ordered", "total_item_count", "base_currency_code"),
            *("order_currency_code", "customer_email", "shipping_method", "shipping_description"),
            *("protect_code", "created_at", "updated_at"),
        )
        self._uuid = lines.into("data_exporter_uuid", "entity_id", "type", "uuid")
        self._item = lines.into(
            *(
                "sales_order_item",
                "item_id",
                "order_id",
                "store_id",
                "product_id",
                "product_type",
                "sku",
                "name",
            ),
            *("is_virtual", "qty_ordered", "qty_invoiced", "qty_shipped", "qty_refunded", "base_price"),
            *("base_row_total", "base_tax_amount", "base_row_total_incl_tax", "base_discount_amount"),
            *("product_options", "created_at", "updated_at"),
        )
        self._address = lines.into(
            *("sales_order_address", "parent_id", "address_type", "firstname", "lastname", "street", "city"),
            *("region", "postcode", "country_id", "telephone"),
        )
        self._payment = lines.into(
            *("sales_order_payment", "entity_id", "parent_id", "method", "base_amount_ordered"),
            *(
                "base_amount_paid",
                "base_amount_paid_online",
                "base_amount_refunded",
                "additional_information",
            ),
        )
        self._tax = lines.into(
            "sales_order_tax", "tax_id", "order_id", "code", "title", "percent", "amount", "base_amount"
        )
        self._taxed = lines.into(
            *("sales_order_tax_item", "tax_id", "item_id", "tax_percent", "amount", "base_amount"),
            *("real_amount", "real_base_amount", "taxable_item_type"),
        )
        self._transaction = lines.into(
            "sales_payment_transaction",
            "order_id",
            "payment_id",
            "txn_id",
            "txn_type",
            "is_closed",
            "created_at",
        )
        self._invoice = lines.into(
            *(
                "sales_invoice",
                "entity_id",
                "order_id",
                "store_id",
                "increment_id",
                "base_grand_total",
                "state",
            ),
            *("created_at", "updated_at"),
        )
        self._invoiced = lines.into(
            "sales_invoice_item", "parent_id", "order_item_id", "product_id", "qty", "sku"
        )
        self._shipment = lines.into(
            *(
                "sales_shipment",
                "entity_id",
                "order_id",
                "store_id",
                "increment_id",
                "total_qty",
                "created_at",
            ),
            "updated_at",
        )
        self._shipped = lines.into(
            "sales_shipment_item", "parent_id", "order_item_id", "product_id", "qty", "sku"
        )
        self._track = lines.into(
            "sales_shipment_track", "parent_id", "order_id", "track_number", "title", "carrier_code"
        )
        self._memo = lines.into(
            *("sales_creditmemo", "entity_id", "order_id", "store_id", "increment_id", "state"),
            *("base_grand_total", "base_subtotal", "created_at", "updated_at"),
        )
        self._credited = lines.into(
            *(
                "sales_creditmemo_item",
                "parent_id",
                "order_item_id",
                "product_id",
                "qty",
                "base_row_total",
                "sku",
            ),
        )
        self._comment = lines.into("sales_creditmemo_comment", "parent_id", "comment", "created_at")
        self._reservation = lines.into("inventory_reservation", "stock_id", "sku", "quantity", "metadata")

    def write(self, order: int, chance: random.Random, stage: Stage | None = None) -> None:
        """Add one order with all its rows.

        Args:
            order: number of the order. The numbers of its items and documents follow from it.
            chance: makes all random choices.
            stage: random if it is None.
        """
        size, when = self._size, moment(order)
        view = chance.randint(1, size.store_views)
        stage = _some_stage(chance) if stage is None else stage
        invoiced, shipped, refunded = (
            stage >= Stage.INVOICED,
            stage >= Stage.SHIPPED,
            stage >= Stage.REFUNDED,
        )
        state = stage.state
        items: list[tuple[int, int, int, float]] = []
        for n in range(chance.randint(1, ITEMS)):
            product = 1 + int(size.products * chance.random() ** 2)  # few products sell most
            items.append((order * ITEMS + n, product, chance.randint(1, 3), price_of(product)))
        subtotal = sum(quantity * price for *_, quantity, price in items)
        tax, virtual = subtotal * _TAX, all(self._virtual(product) for _, product, *_ in items)
        shipping = 0.0 if virtual else _SHIPPING
        total = f"{subtotal + tax + shipping:.2f}"
        self._order(
            *(order, f"{order:09}", state, state if state != "new" else "pending", int(virtual), view),
            *(chance.randrange(size.customer_groups), 0, total, shipping, 0, f"{subtotal:.2f}", f"{tax:.2f}"),
            *(
                total if invoiced else None,
                total,
                f"{subtotal:.2f}",
                sum(item[2] for item in items),
                len(items),
            ),
            *("USD", "USD", f"shopper{order % 5000}@shop.example"),
            *((None, None) if virtual else ("flatrate_flatrate", "Flat Rate - Fixed")),
            *(f"{chance.getrandbits(128):032x}", when, when),
        )
        self._known(order, "order")
        self._addresses(order, chance, virtual=virtual)
        paid = total if invoiced else None
        self._payment(
            order, order, "checkmo", total, paid, paid, None, '{"method_title": "Check / Money order"}'
        )
        self._tax(order, order, "US-8", "Sales tax", _TAX * 100, f"{tax:.2f}", f"{tax:.2f}")
        for item, product, quantity, price in items:
            row, done = quantity * price, quantity if invoiced else 0
            self._item(
                *(item, order, view, product, kind_of(product, size.products).value, sku(product)),
                *(
                    f"Product {product}",
                    int(self._virtual(product)),
                    quantity,
                    done,
                    quantity if shipped else 0,
                ),
                *(quantity if refunded else 0, f"{price:.2f}", f"{row:.2f}", f"{row * _TAX:.2f}"),
                *(f"{row * (1 + _TAX):.2f}", 0, '{"options":[]}', when, when),
            )
            self._known(item, "order_item")
            amount = f"{row * _TAX:.2f}"
            self._taxed(order, item, _TAX * 100, amount, amount, amount, amount, "product")
            if not shipped and not self._virtual(product):
                stock = stock_of_website(size.website_of_view(view))
                self._reservation(
                    stock, sku(product), -quantity, f'{{"event_type":"order_placed","object_id":"{order}"}}'
                )
        if invoiced:
            self._invoice(order, order, view, f"{order:09}", total, 2, when, when)
            for item, product, quantity, _ in items:
                self._invoiced(order, item, product, quantity, sku(product))
            self._transaction(order, order, f"txn-{order}", "capture", 1, when)
        if shipped:
            self._shipment(order, order, view, f"{order:09}", sum(item[2] for item in items), when, when)
            self._known(order, "order_shipment")
            for item, product, quantity, _ in items:
                self._shipped(order, item, product, quantity, sku(product))
            self._track(order, order, f"1Z{order:010}", "Parcel", "ups")
        if refunded:
            self._memo(order, order, view, f"{order:09}", 2, total, f"{subtotal:.2f}", when, when)
            self._known(order, "credit_memo")
            for item, product, quantity, price in items:
                self._credited(order, item, product, quantity, f"{quantity * price:.2f}", sku(product))
            self._comment(order, "Came back unopened.", when)

    def _virtual(self, product: int) -> bool:
        return kind_of(product, self._size.products) in (Kind.VIRTUAL, Kind.DOWNLOADABLE, Kind.GIFTCARD)

    def _known(self, entity: int, kind: str) -> None:
        self._uuid(entity, kind, str(uuid.uuid5(_UUIDS, f"{kind}/{entity}")))

    def _addresses(self, order: int, chance: random.Random, *, virtual: bool) -> None:
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        city, region, postcode, country = chance.choice(CITIES)
        for kind in ("billing",) if virtual else ("billing", "shipping"):
            street = f"{order % 90 + 1} Main Street" + ("\\nBack yard" if order % 7 == 0 else "")
            self._address(order, kind, first, last, street, city, region, postcode, country, "555-0100")
