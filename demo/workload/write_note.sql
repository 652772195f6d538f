-- Columns that no feed uses: nothing is captured.
UPDATE product SET internal_note = %(text)s, updated_at = now() WHERE product_id = %(product)s
