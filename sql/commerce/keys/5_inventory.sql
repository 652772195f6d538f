ALTER TABLE cataloginventory_stock_item
    ADD PRIMARY KEY (item_id),
    ADD UNIQUE (product_id, stock_id),
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
ALTER TABLE cataloginventory_stock_status ADD PRIMARY KEY (product_id, website_id, stock_id);

ALTER TABLE inventory_source ADD PRIMARY KEY (source_code);
ALTER TABLE inventory_stock ADD PRIMARY KEY (stock_id);
ALTER TABLE inventory_source_item
    ADD PRIMARY KEY (source_item_id),
    ADD UNIQUE (source_code, sku),
    ADD FOREIGN KEY (source_code) REFERENCES inventory_source ON DELETE CASCADE;
CREATE INDEX ON inventory_source_item (sku);
ALTER TABLE inventory_source_stock_link
    ADD PRIMARY KEY (link_id),
    ADD UNIQUE (stock_id, source_code),
    ADD FOREIGN KEY (stock_id) REFERENCES inventory_stock ON DELETE CASCADE,
    ADD FOREIGN KEY (source_code) REFERENCES inventory_source ON DELETE CASCADE;
CREATE INDEX ON inventory_source_stock_link (source_code);
ALTER TABLE inventory_stock_sales_channel
    ADD PRIMARY KEY (type, code),
    ADD FOREIGN KEY (stock_id) REFERENCES inventory_stock ON DELETE CASCADE;
CREATE INDEX ON inventory_stock_sales_channel (stock_id);
ALTER TABLE inventory_reservation ADD PRIMARY KEY (reservation_id);
CREATE INDEX ON inventory_reservation (sku, stock_id);
