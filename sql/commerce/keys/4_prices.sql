ALTER TABLE catalog_product_entity_tier_price
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, all_groups, customer_group_id, qty, website_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (customer_group_id) REFERENCES customer_group ON DELETE CASCADE,
    ADD FOREIGN KEY (website_id) REFERENCES store_website ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_tier_price (customer_group_id);
CREATE INDEX ON catalog_product_entity_tier_price (website_id);

-- The index by product first is the one that a document needs.
ALTER TABLE catalogrule_product_price
    ADD PRIMARY KEY (rule_product_price_id),
    ADD UNIQUE (rule_date, website_id, customer_group_id, product_id);
CREATE INDEX ON catalogrule_product_price (product_id, website_id, customer_group_id);
CREATE INDEX ON catalogrule_product_price (customer_group_id);
CREATE INDEX ON catalogrule_product_price (website_id);

ALTER TABLE magento_giftcard_amount
    ADD PRIMARY KEY (value_id),
    ADD FOREIGN KEY (website_id) REFERENCES store_website ON DELETE CASCADE,
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE;
CREATE INDEX ON magento_giftcard_amount (entity_id);
CREATE INDEX ON magento_giftcard_amount (website_id);
CREATE INDEX ON magento_giftcard_amount (attribute_id);
