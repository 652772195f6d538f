-- How many documents of the products feed have changed since a revision, and the sum of their revisions.
SELECT count(*), COALESCE(sum(revision), 0)::bigint
FROM cdc.feed_products
WHERE revision > %(since)s
