ALTER TABLE review_entity ADD PRIMARY KEY (entity_id);
ALTER TABLE review
    ADD PRIMARY KEY (review_id),
    ADD FOREIGN KEY (entity_id) REFERENCES review_entity ON DELETE CASCADE;
CREATE INDEX ON review (entity_id);
CREATE INDEX ON review (entity_pk_value);
ALTER TABLE review_detail
    ADD PRIMARY KEY (detail_id),
    ADD FOREIGN KEY (review_id) REFERENCES review ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE SET NULL;
CREATE INDEX ON review_detail (review_id);
CREATE INDEX ON review_detail (store_id);
ALTER TABLE review_store
    ADD PRIMARY KEY (review_id, store_id),
    ADD FOREIGN KEY (review_id) REFERENCES review ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON review_store (store_id);
ALTER TABLE rating_entity ADD PRIMARY KEY (entity_id), ADD UNIQUE (entity_code);
ALTER TABLE rating
    ADD PRIMARY KEY (rating_id),
    ADD UNIQUE (rating_code),
    ADD FOREIGN KEY (entity_id) REFERENCES rating_entity ON DELETE CASCADE;
CREATE INDEX ON rating (entity_id);
ALTER TABLE rating_option
    ADD PRIMARY KEY (option_id),
    ADD FOREIGN KEY (rating_id) REFERENCES rating ON DELETE CASCADE;
CREATE INDEX ON rating_option (rating_id);
ALTER TABLE rating_option_vote
    ADD PRIMARY KEY (vote_id),
    ADD FOREIGN KEY (option_id) REFERENCES rating_option ON DELETE CASCADE,
    ADD FOREIGN KEY (review_id) REFERENCES review ON DELETE CASCADE;
CREATE INDEX ON rating_option_vote (option_id);
CREATE INDEX ON rating_option_vote (review_id);
ALTER TABLE rating_store
    ADD PRIMARY KEY (rating_id, store_id),
    ADD FOREIGN KEY (rating_id) REFERENCES rating ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON rating_store (store_id);
ALTER TABLE rating_title
    ADD PRIMARY KEY (rating_id, store_id),
    ADD FOREIGN KEY (rating_id) REFERENCES rating ON DELETE CASCADE,
    ADD FOREIGN KEY (store_id) REFERENCES store ON DELETE CASCADE;
CREATE INDEX ON rating_title (store_id);
