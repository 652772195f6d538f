-- Keys, references, and an index for every way from a changed row to the products that show it.

ALTER TABLE website ADD PRIMARY KEY (website_id), ADD UNIQUE (code);
ALTER TABLE store_view
    ADD PRIMARY KEY (store_view_id),
    ADD UNIQUE (code),
    ADD FOREIGN KEY (website_id) REFERENCES website;
CREATE INDEX ON store_view (website_id);
ALTER TABLE customer_group ADD PRIMARY KEY (customer_group_id), ADD UNIQUE (code);

ALTER TABLE category ADD PRIMARY KEY (category_id), ADD FOREIGN KEY (parent_id) REFERENCES category;
CREATE INDEX ON category (parent_id);
ALTER TABLE category_text
    ADD PRIMARY KEY (category_id, store_view_id),
    ADD FOREIGN KEY (category_id) REFERENCES category ON DELETE CASCADE,
    ADD FOREIGN KEY (store_view_id) REFERENCES store_view;

ALTER TABLE product ADD PRIMARY KEY (product_id), ADD UNIQUE (sku);
ALTER TABLE product_text
    ADD PRIMARY KEY (product_id, store_view_id),
    ADD FOREIGN KEY (product_id) REFERENCES product ON DELETE CASCADE,
    ADD FOREIGN KEY (store_view_id) REFERENCES store_view;
ALTER TABLE product_website
    ADD PRIMARY KEY (product_id, website_id),
    ADD FOREIGN KEY (product_id) REFERENCES product ON DELETE CASCADE,
    ADD FOREIGN KEY (website_id) REFERENCES website;
CREATE INDEX ON product_website (website_id);
ALTER TABLE product_category
    ADD PRIMARY KEY (product_id, category_id),
    ADD FOREIGN KEY (product_id) REFERENCES product ON DELETE CASCADE,
    ADD FOREIGN KEY (category_id) REFERENCES category;
CREATE INDEX ON product_category (category_id);

ALTER TABLE price
    ADD PRIMARY KEY (product_id, website_id),
    ADD FOREIGN KEY (product_id) REFERENCES product ON DELETE CASCADE,
    ADD FOREIGN KEY (website_id) REFERENCES website;
CREATE INDEX ON price (website_id);
ALTER TABLE tier_price
    ADD PRIMARY KEY (product_id, website_id, customer_group_id, quantity),
    ADD FOREIGN KEY (product_id, website_id) REFERENCES price ON DELETE CASCADE,
    ADD FOREIGN KEY (customer_group_id) REFERENCES customer_group;
CREATE INDEX ON tier_price (customer_group_id);
ALTER TABLE stock_item
    ADD PRIMARY KEY (product_id),
    ADD FOREIGN KEY (product_id) REFERENCES product ON DELETE CASCADE;

ALTER TABLE attribute ADD PRIMARY KEY (attribute_id), ADD UNIQUE (code);
ALTER TABLE attribute_value
    ADD PRIMARY KEY (product_id, attribute_id, store_view_id),
    ADD FOREIGN KEY (product_id) REFERENCES product ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES attribute;
CREATE INDEX ON attribute_value (attribute_id);

SELECT setval(pg_get_serial_sequence('product', 'product_id'), max(product_id)) FROM product;
