ALTER TABLE store_website ADD PRIMARY KEY (website_id), ADD UNIQUE (code);
CREATE INDEX ON store_website (default_group_id);

ALTER TABLE store_group
    ADD PRIMARY KEY (group_id),
    ADD UNIQUE (code),
    ADD FOREIGN KEY (website_id) REFERENCES store_website ON DELETE CASCADE;
CREATE INDEX ON store_group (website_id);
CREATE INDEX ON store_group (root_category_id);

ALTER TABLE store
    ADD PRIMARY KEY (store_id),
    ADD UNIQUE (code),
    ADD FOREIGN KEY (website_id) REFERENCES store_website ON DELETE CASCADE,
    ADD FOREIGN KEY (group_id) REFERENCES store_group ON DELETE CASCADE;
CREATE INDEX ON store (website_id);
CREATE INDEX ON store (group_id);

ALTER TABLE tax_class ADD PRIMARY KEY (class_id);
ALTER TABLE customer_group ADD PRIMARY KEY (customer_group_id);
ALTER TABLE customer_group_excluded_website
    ADD PRIMARY KEY (entity_id),
    ADD UNIQUE (customer_group_id, website_id),
    ADD FOREIGN KEY (customer_group_id) REFERENCES customer_group ON DELETE CASCADE,
    ADD FOREIGN KEY (website_id) REFERENCES store_website ON DELETE CASCADE;
CREATE INDEX ON customer_group_excluded_website (website_id);

ALTER TABLE core_config_data ADD PRIMARY KEY (config_id), ADD UNIQUE (scope, scope_id, path);
CREATE INDEX ON core_config_data (path);

ALTER TABLE url_rewrite ADD PRIMARY KEY (url_rewrite_id), ADD UNIQUE (request_path, store_id);
CREATE INDEX ON url_rewrite (store_id, entity_id);
CREATE INDEX ON url_rewrite (entity_id);
