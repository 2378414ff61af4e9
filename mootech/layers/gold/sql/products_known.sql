-- The products the shop has ever had, delisted ones included, by their latest name.
--
-- Grain       product.
-- Inputs      products: silver, one row per product and validity range.
-- Columns     product_id, product_name  VARCHAR
-- Order       product_id

SELECT product_id, arg_max(product_name, valid_from) AS product_name
FROM products
GROUP BY product_id
ORDER BY product_id
