ALTER TABLE eav_entity_type ADD PRIMARY KEY (entity_type_id), ADD UNIQUE (entity_type_code);
ALTER TABLE eav_attribute_set
    ADD PRIMARY KEY (attribute_set_id),
    ADD UNIQUE (entity_type_id, attribute_set_name),
    ADD FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type ON DELETE CASCADE;

ALTER TABLE eav_attribute
    ADD PRIMARY KEY (attribute_id),
    ADD UNIQUE (entity_type_id, attribute_code),
    ADD FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type ON DELETE CASCADE;
ALTER TABLE catalog_eav_attribute
    ADD PRIMARY KEY (attribute_id),
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE;

ALTER TABLE eav_attribute_label
    ADD PRIMARY KEY (attribute_label_id),
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE UNIQUE INDEX ON eav_attribute_label (attribute_id, store_id);
CREATE INDEX ON eav_attribute_label (store_id);

ALTER TABLE eav_attribute_option
    ADD PRIMARY KEY (option_id),
    ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute ON DELETE CASCADE;
CREATE INDEX ON eav_attribute_option (attribute_id);

ALTER TABLE eav_attribute_option_value
    ADD PRIMARY KEY (value_id),
    ADD UNIQUE (option_id, store_id),
    ADD FOREIGN KEY (option_id) REFERENCES eav_attribute_option ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON eav_attribute_option_value (store_id);

ALTER TABLE eav_attribute_option_swatch
    ADD PRIMARY KEY (swatch_id),
    ADD UNIQUE (store_id, option_id),
    ADD FOREIGN KEY (option_id) REFERENCES eav_attribute_option ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON eav_attribute_option_swatch (option_id);
