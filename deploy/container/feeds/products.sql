SELECT sku, name, price FROM product
