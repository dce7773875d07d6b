-- An in-memory database: filled, indexed, joined, changed, searched as text.
PRAGMA journal_mode = OFF;
PRAGMA temp_store = MEMORY;
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, item TEXT, price REAL);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
  INSERT INTO customer SELECT i, 'customer ' || (i * 7919 % 20011), 'city ' || (i * 31 % 200) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
  INSERT INTO orders SELECT i, i * 7907 % 20000 + 1, 'item ' || (i * 104729 % 5003), (i * 17 % 1000) / 10.0 FROM n;
COMMIT;
CREATE INDEX orders_customer ON orders (customer);
CREATE INDEX orders_item ON orders (item);
SELECT city, count(*), sum(price) FROM customer JOIN orders ON orders.customer = customer.id GROUP BY city ORDER BY 3 DESC LIMIT 5;
UPDATE orders SET item = item || ' (new)' WHERE id % 3 = 0;
DELETE FROM orders WHERE id % 7 = 0;
SELECT count(*), group_concat(DISTINCT substr(item, 1, 7)) IS NOT NULL FROM orders WHERE item LIKE '%99%';
SELECT count(*) FROM (SELECT o1.customer FROM orders o1 JOIN orders o2 ON o1.item = o2.item AND o1.id < o2.id AND o1.id % 5 = 0);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
  SELECT length(group_concat(hex(i * 2654435761 % 4294967296))) FROM n;
