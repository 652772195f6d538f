-- A category gets another name: in its own documents and in those of every product in it.
UPDATE category SET name = %(text)s WHERE category_id = %(category)s
