-- A form is saved without an edit, as shops do all day: nothing is captured.
UPDATE price SET regular = regular, special = special WHERE product_id = %(product)s
