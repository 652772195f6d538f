UPDATE price SET regular = %(price)s WHERE website_id = 1 AND product_id = %(product)s
