-- A shop to try things on.
CREATE TABLE product (sku text PRIMARY KEY, name text NOT NULL, price numeric NOT NULL);
INSERT INTO product VALUES ('A-1', 'Lamp', 21), ('A-2', 'Chair', 55);
