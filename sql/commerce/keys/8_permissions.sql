ALTER TABLE magento_catalogpermissions
    ADD PRIMARY KEY (permission_id),
    ADD UNIQUE (category_id, website_id, customer_group_id),
    ADD FOREIGN KEY (category_id) REFERENCES catalog_category_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (website_id) REFERENCES store_website ON DELETE CASCADE,
    ADD FOREIGN KEY (customer_group_id) REFERENCES customer_group ON DELETE CASCADE;
CREATE INDEX ON magento_catalogpermissions (website_id);
CREATE INDEX ON magento_catalogpermissions (customer_group_id);
