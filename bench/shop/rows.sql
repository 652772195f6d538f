-- Fills the shop. Sizes and seed are settings of the session: shop.products, shop.categories, shop.seed.
-- The same settings give the same rows on every server: chance is a hash of the row's number.

CREATE FUNCTION pg_temp.chance(subject bigint, purpose text, below bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN abs(hashint8extended(subject, hashtextextended(purpose, current_setting('shop.seed')::bigint)) % below);

CREATE FUNCTION pg_temp.one_of(choices text[], subject bigint, purpose text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN choices[1 + pg_temp.chance(subject, purpose, cardinality(choices))];

INSERT INTO website (website_id, code, currency) VALUES (1, 'main', 'EUR'), (2, 'outlet', 'GBP');

INSERT INTO store_view (store_view_id, website_id, code, locale) VALUES
    (1, 1, 'main_en', 'en_IE'),
    (2, 1, 'main_de', 'de_DE'),
    (3, 2, 'outlet_en', 'en_GB');

INSERT INTO customer_group (customer_group_id, code) VALUES (0, 'everyone'), (1, 'wholesale'), (2, 'members');

INSERT INTO attribute (attribute_id, code, label) VALUES
    (1, 'color', 'Color'), (2, 'material', 'Material'), (3, 'size', 'Size'), (4, 'season', 'Season');

-- The first tenth are departments, the others stand below one of them.
INSERT INTO category (category_id, parent_id, slug, name, position)
SELECT
    n,
    CASE WHEN n > departments THEN 1 + pg_temp.chance(n, 'parent', departments) END,
    CASE WHEN n > departments THEN 'category-' ELSE 'department-' END || n,
    CASE WHEN n > departments THEN 'Category ' ELSE 'Department ' END || n,
    pg_temp.chance(n, 'position', 100)
FROM
    (SELECT current_setting('shop.categories')::bigint AS categories) AS size,
    LATERAL (SELECT greatest(categories / 10, 1) AS departments) AS tenth,
    generate_series(1, categories) AS n;

INSERT INTO category_text (category_id, store_view_id, name)
SELECT category_id, 2, replace(replace(name, 'Category', 'Kategorie'), 'Department', 'Abteilung')
FROM category
WHERE pg_temp.chance(category_id, 'german name', 2) = 0;

INSERT INTO product (product_id, sku, name, description, weight, is_enabled, created_at, updated_at)
SELECT
    n,
    'SKU-' || lpad(n::text, 8, '0'),
    initcap(pg_temp.one_of('{plain,bright,sturdy,soft,light,warm}', n, 'adjective')) || ' '
        || pg_temp.one_of('{chair,lamp,shirt,jacket,mug,table,bag,shelf}', n, 'noun') || ' ' || n,
    repeat('A sentence that says what this product is good for. ', 1 + pg_temp.chance(n, 'length', 4)::integer),
    (1 + pg_temp.chance(n, 'weight', 20000)) / 1000.0,
    pg_temp.chance(n, 'enabled', 20) > 0,
    timestamptz '2025-01-01 00:00:00+00' + n * interval '1 second',
    timestamptz '2025-01-01 00:00:00+00' + n * interval '1 second'
FROM generate_series(1, current_setting('shop.products')::bigint) AS n;

INSERT INTO product_text (product_id, store_view_id, name)
SELECT product_id, 2, 'Artikel ' || product_id FROM product WHERE pg_temp.chance(product_id, 'german name', 5) = 0;

INSERT INTO product_website (product_id, website_id)
SELECT product_id, website_id
FROM product, website
WHERE website_id = 1 OR pg_temp.chance(product_id, 'outlet', 10) < 7;

-- Two categories each; where chance says the same one twice, one.
INSERT INTO product_category (product_id, category_id, position)
SELECT product_id, category_id, min(position)
FROM
    product,
    generate_series(1, 2) AS position,
    LATERAL (SELECT 1 + pg_temp.chance(product_id, 'category ' || position,
                                       current_setting('shop.categories')::bigint)) AS chosen (category_id)
GROUP BY product_id, category_id;

INSERT INTO price (product_id, website_id, regular, special)
SELECT
    product_id,
    website_id,
    regular,
    CASE WHEN pg_temp.chance(product_id, 'special', 4) = 0 THEN round(regular * 0.8, 2) END
FROM
    product_website,
    LATERAL (SELECT (199 + pg_temp.chance(product_id * 10 + website_id, 'price', 50000)) / 100.0) AS amount (regular);

INSERT INTO tier_price (product_id, website_id, customer_group_id, quantity, amount)
SELECT product_id, website_id, customer_group_id, 10, round(regular * 0.9, 2)
FROM price, customer_group
WHERE pg_temp.chance(product_id * 10 + customer_group_id, 'tier', 10) = 0;

INSERT INTO stock_item (product_id, quantity)
SELECT product_id, pg_temp.chance(product_id, 'stock', 200) FROM product;

INSERT INTO attribute_value (product_id, attribute_id, store_view_id, value)
SELECT product_id, attribute_id, 0, CASE code
    WHEN 'color' THEN pg_temp.one_of('{red,green,blue,black,white,grey}', product_id, code)
    WHEN 'material' THEN pg_temp.one_of('{cotton,wool,oak,steel,glass}', product_id, code)
    WHEN 'size' THEN pg_temp.one_of('{S,M,L,XL}', product_id, code)
    ELSE pg_temp.one_of('{spring,summer,autumn,winter}', product_id, code)
END
FROM product, attribute;

INSERT INTO attribute_value (product_id, attribute_id, store_view_id, value)
SELECT product_id, 1, 2, pg_temp.one_of('{rot,grün,blau,schwarz}', product_id, 'german color')
FROM product
WHERE pg_temp.chance(product_id, 'german color', 10) = 0;

DROP FUNCTION pg_temp.one_of(text[], bigint, text);
DROP FUNCTION pg_temp.chance(bigint, text, bigint);
