-- A product is switched off or on again: its price documents vanish or come back.
UPDATE product SET is_enabled = NOT is_enabled, updated_at = now() WHERE product_id = %(product)s
