-- An in-memory database: bulk insert, indexes, joins, window functions, JSON, full text search, updates and deletes.
CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, city INTEGER, age INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO person SELECT i, 'name' || (i * 7919 % 60000), i * 31 % 500, 18 + i % 70, substr(hex(i * 2654435761), 1, 6 + i % 20) FROM n;
CREATE INDEX by_city ON person(city, age);
CREATE INDEX by_name ON person(name);
CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO city SELECT DISTINCT city, 'city' || city FROM person;
SELECT city.name, count(*), round(avg(age), 3) FROM person JOIN city ON city.id = person.city GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20;
SELECT id, rank() OVER (PARTITION BY city ORDER BY age DESC, id) AS place FROM person ORDER BY place DESC, id LIMIT 20;
SELECT sum(length(json_object('id', id, 'name', name, 'note', note))) FROM person;
SELECT group_concat(name, ',') FROM (SELECT name FROM person ORDER BY name LIMIT 300);
CREATE VIRTUAL TABLE words USING fts5(body);
INSERT INTO words SELECT name || ' ' || note || ' city' || city FROM person WHERE id % 3 = 0;
SELECT count(*) FROM words WHERE words MATCH 'city77';
UPDATE person SET note = note || '-' || age WHERE city % 3 = 1;
DELETE FROM person WHERE age BETWEEN 30 AND 40;
SELECT count(*), sum(id), sum(length(note)), max(note) FROM person;
VACUUM;
PRAGMA integrity_check;
SELECT a.id, b.id FROM person a JOIN person b ON a.name = b.name AND a.id < b.id ORDER BY 1, 2 LIMIT 20;
