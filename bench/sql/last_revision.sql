-- The greatest revision of the products feed.
SELECT max(revision) FROM cdc.feed_products
