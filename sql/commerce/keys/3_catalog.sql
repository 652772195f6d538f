ALTER TABLE catalog_product_entity ADD PRIMARY KEY (entity_id), ADD UNIQUE (sku);
CREATE INDEX ON catalog_product_entity (attribute_set_id);

ALTER TABLE catalog_product_entity_datetime
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_datetime (attribute_id);
CREATE INDEX ON catalog_product_entity_datetime (store_id);

ALTER TABLE catalog_product_entity_decimal
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_decimal (attribute_id);
CREATE INDEX ON catalog_product_entity_decimal (store_id);

ALTER TABLE catalog_product_entity_int
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_int (attribute_id, store_id, value);
CREATE INDEX ON catalog_product_entity_int (value, attribute_id);
CREATE INDEX ON catalog_product_entity_int (store_id);

ALTER TABLE catalog_product_entity_text
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_text (attribute_id);
CREATE INDEX ON catalog_product_entity_text (store_id);

ALTER TABLE catalog_product_entity_varchar
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_varchar (attribute_id);
CREATE INDEX ON catalog_product_entity_varchar (store_id);

ALTER TABLE catalog_product_entity_gallery
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_gallery (attribute_id);
CREATE INDEX ON catalog_product_entity_gallery (store_id);

ALTER TABLE catalog_product_entity_media_gallery
    ADD PRIMARY KEY (value_id),
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_media_gallery (attribute_id);
ALTER TABLE catalog_product_entity_media_gallery_value
    ADD PRIMARY KEY (record_id),
    ADD UNIQUE (entity_id, value_id, store_id),
    ADD FOREIGN KEY (value_id) REFERENCES catalog_product_entity_media_gallery ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE,
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_media_gallery_value (value_id);
CREATE INDEX ON catalog_product_entity_media_gallery_value (store_id);
ALTER TABLE catalog_product_entity_media_gallery_value_to_entity
    ADD PRIMARY KEY (entity_id, value_id),
    ADD FOREIGN KEY (value_id) REFERENCES catalog_product_entity_media_gallery ON DELETE CASCADE,
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_media_gallery_value_to_entity (value_id);
ALTER TABLE catalog_product_entity_media_gallery_value_video
    ADD PRIMARY KEY (value_id, store_id),
    ADD FOREIGN KEY (value_id) REFERENCES catalog_product_entity_media_gallery ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_entity_media_gallery_value_video (store_id);

ALTER TABLE catalog_product_website
    ADD PRIMARY KEY (product_id, website_id),
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (website_id) REFERENCES store_website ON DELETE CASCADE;
CREATE INDEX ON catalog_product_website (website_id);

ALTER TABLE catalog_category_entity ADD PRIMARY KEY (entity_id);
CREATE INDEX ON catalog_category_entity (parent_id);
CREATE INDEX ON catalog_category_entity (path text_pattern_ops);

ALTER TABLE catalog_category_entity_datetime
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_category_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_category_entity_datetime (attribute_id);
CREATE INDEX ON catalog_category_entity_datetime (store_id);

ALTER TABLE catalog_category_entity_decimal
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_category_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_category_entity_decimal (attribute_id);
CREATE INDEX ON catalog_category_entity_decimal (store_id);

ALTER TABLE catalog_category_entity_int
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_category_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_category_entity_int (attribute_id);
CREATE INDEX ON catalog_category_entity_int (store_id);

ALTER TABLE catalog_category_entity_text
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_category_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_category_entity_text (attribute_id);
CREATE INDEX ON catalog_category_entity_text (store_id);

ALTER TABLE catalog_category_entity_varchar
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (entity_id, attribute_id, store_id),
    ADD FOREIGN KEY (entity_id) REFERENCES catalog_category_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_category_entity_varchar (attribute_id);
CREATE INDEX ON catalog_category_entity_varchar (store_id);

ALTER TABLE catalog_category_product
    ADD PRIMARY KEY (entity_id, category_id, product_id),
    ADD UNIQUE (category_id, product_id),
    ADD FOREIGN KEY (category_id) REFERENCES catalog_category_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON catalog_category_product (product_id);

ALTER TABLE catalog_product_link_type
    ADD PRIMARY KEY (link_type_id);

ALTER TABLE catalog_product_link
    ADD PRIMARY KEY (link_id),
    ADD UNIQUE (link_type_id, product_id, linked_product_id),
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (linked_product_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (link_type_id) REFERENCES catalog_product_link_type ON DELETE CASCADE;
CREATE INDEX ON catalog_product_link (product_id);
CREATE INDEX ON catalog_product_link (linked_product_id);

ALTER TABLE catalog_product_link_attribute
    ADD PRIMARY KEY (product_link_attribute_id),
    ADD FOREIGN KEY (link_type_id) REFERENCES catalog_product_link_type ON DELETE CASCADE;
CREATE INDEX ON catalog_product_link_attribute (link_type_id);

ALTER TABLE catalog_product_link_attribute_int
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (product_link_attribute_id, link_id),
    ADD FOREIGN KEY (product_link_attribute_id) REFERENCES catalog_product_link_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (link_id) REFERENCES catalog_product_link ON DELETE CASCADE;
CREATE INDEX ON catalog_product_link_attribute_int (link_id);

ALTER TABLE catalog_product_relation
    ADD PRIMARY KEY (parent_id, child_id),
    ADD FOREIGN KEY (parent_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (child_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON catalog_product_relation (child_id);

ALTER TABLE catalog_product_super_attribute
    ADD PRIMARY KEY (product_super_attribute_id),
    ADD UNIQUE (product_id, attribute_id),
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON catalog_product_super_attribute (attribute_id);

ALTER TABLE catalog_product_super_link
    ADD PRIMARY KEY (link_id),
    ADD UNIQUE (product_id, parent_id),
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE,
    ADD FOREIGN KEY (parent_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON catalog_product_super_link (parent_id);

ALTER TABLE catalog_product_bundle_option
    ADD PRIMARY KEY (option_id),
    ADD FOREIGN KEY (parent_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON catalog_product_bundle_option (parent_id);

ALTER TABLE catalog_product_bundle_option_value
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (option_id, parent_product_id, store_id),
    ADD FOREIGN KEY (option_id) REFERENCES catalog_product_bundle_option ON DELETE CASCADE;
CREATE INDEX ON catalog_product_bundle_option_value (store_id);

ALTER TABLE catalog_product_bundle_selection
    ADD PRIMARY KEY (selection_id),
    ADD FOREIGN KEY (option_id) REFERENCES catalog_product_bundle_option ON DELETE CASCADE,
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON catalog_product_bundle_selection (option_id);
CREATE INDEX ON catalog_product_bundle_selection (product_id);
CREATE INDEX ON catalog_product_bundle_selection (parent_product_id);

ALTER TABLE catalog_product_bundle_selection_price
    ADD PRIMARY KEY (selection_id, parent_product_id, website_id),
    ADD FOREIGN KEY (selection_id) REFERENCES catalog_product_bundle_selection ON DELETE CASCADE,
    ADD FOREIGN KEY (website_id) REFERENCES store_website ON DELETE CASCADE;
CREATE INDEX ON catalog_product_bundle_selection_price (website_id);

ALTER TABLE downloadable_link
    ADD PRIMARY KEY (link_id),
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON downloadable_link (product_id, sort_order);

ALTER TABLE downloadable_link_price
    ADD PRIMARY KEY (price_id),
    ADD FOREIGN KEY (link_id) REFERENCES downloadable_link ON DELETE CASCADE,
    ADD FOREIGN KEY (website_id) REFERENCES store_website ON DELETE CASCADE;
CREATE INDEX ON downloadable_link_price (link_id);
CREATE INDEX ON downloadable_link_price (website_id);

ALTER TABLE downloadable_link_title
    ADD PRIMARY KEY (title_id),
    ADD UNIQUE (link_id, store_id),
    ADD FOREIGN KEY (link_id) REFERENCES downloadable_link ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON downloadable_link_title (store_id);

ALTER TABLE downloadable_sample
    ADD PRIMARY KEY (sample_id),
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON downloadable_sample (product_id);

ALTER TABLE downloadable_sample_title
    ADD PRIMARY KEY (title_id),
    ADD UNIQUE (sample_id, store_id),
    ADD FOREIGN KEY (sample_id) REFERENCES downloadable_sample ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON downloadable_sample_title (store_id);

ALTER TABLE catalog_product_option
    ADD PRIMARY KEY (option_id),
    ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity ON DELETE CASCADE;
CREATE INDEX ON catalog_product_option (product_id);

ALTER TABLE catalog_product_option_price
    ADD PRIMARY KEY (option_price_id),
    ADD UNIQUE (option_id, store_id),
    ADD FOREIGN KEY (option_id) REFERENCES catalog_product_option ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_option_price (store_id);

ALTER TABLE catalog_product_option_title
    ADD PRIMARY KEY (option_title_id),
    ADD UNIQUE (option_id, store_id),
    ADD FOREIGN KEY (option_id) REFERENCES catalog_product_option ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_option_title (store_id);

ALTER TABLE catalog_product_option_type_value
    ADD PRIMARY KEY (option_type_id),
    ADD FOREIGN KEY (option_id) REFERENCES catalog_product_option ON DELETE CASCADE;
CREATE INDEX ON catalog_product_option_type_value (option_id);

ALTER TABLE catalog_product_option_type_price
    ADD PRIMARY KEY (option_type_price_id),
    ADD UNIQUE (option_type_id, store_id),
    ADD FOREIGN KEY (option_type_id) REFERENCES catalog_product_option_type_value ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_option_type_price (store_id);

ALTER TABLE catalog_product_option_type_title
    ADD PRIMARY KEY (option_type_title_id),
    ADD UNIQUE (option_type_id, store_id),
    ADD FOREIGN KEY (option_type_id) REFERENCES catalog_product_option_type_value ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON catalog_product_option_type_title (store_id);
