\set QUIET on
SET client_min_messages = warning;
SELECT count(*), sum(abalance) = (SELECT sum(delta) FROM pgbench_history) AS balanced FROM pgbench_accounts;
SELECT count(*) FROM pgbench_history;
CREATE TABLE t AS SELECT i, md5(i::text) AS h, (i * 7919) % 1000 AS g FROM generate_series(1, 100000) i;
CREATE INDEX ON t(h);
CREATE INDEX ON t(g, i);
SELECT g, count(*), min(h), max(h) FROM t GROUP BY g ORDER BY g LIMIT 15;
SELECT i, h FROM t ORDER BY h DESC LIMIT 10;
SELECT md5(string_agg(h, ',' ORDER BY i)) FROM t;
SELECT a.i, b.i FROM t a JOIN t b ON a.h < b.h AND a.g = b.g AND b.i = a.i + 1000 ORDER BY 1 LIMIT 10;
SELECT jsonb_object_agg(i, h) ->> '77' FROM t WHERE i < 500;
WITH RECURSIVE r(n, s) AS (SELECT 1, 'x' UNION ALL SELECT n + 1, s || n FROM r WHERE n < 300) SELECT max(n), md5(max(s)) FROM r;
UPDATE t SET h = h || g WHERE g % 3 = 0;
DELETE FROM t WHERE g % 7 = 0;
VACUUM ANALYZE t;
SELECT count(*), md5(string_agg(h, '' ORDER BY h)) FROM t;
