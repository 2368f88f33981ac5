SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,
  sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price, sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
  avg(l_quantity) AS avg_qty, count(*) AS count_order
FROM lineitem WHERE l_shipdate <= date '2001-12-01' - interval '90' day
GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus;
SELECT s_acctbal, s_name, n_name, p_partkey FROM part, supplier, partsupp, nation, region
WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_size = 15 AND p_type LIKE '%BRASS' AND s_nationkey = n_nationkey
  AND ps_supplycost = (SELECT min(ps_supplycost) FROM partsupp, supplier, nation, region
    WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND r_name = 'EUROPE')
ORDER BY s_acctbal DESC, n_name, s_name, p_partkey LIMIT 100;
WITH monthly AS (SELECT date_trunc('month', o_orderdate) AS month, o_custkey, sum(o_totalprice) AS total
    FROM orders WHERE extract(year FROM o_orderdate) = 2001 GROUP BY 1, 2),
  ranked AS (SELECT month, o_custkey, total, rank() OVER (PARTITION BY month ORDER BY total DESC NULLS LAST) AS r FROM monthly)
SELECT c_name, month, total, lag(total) OVER w AS before, total - lag(total) OVER w AS change
FROM ranked JOIN customer ON c_custkey = o_custkey WHERE r <= 10
WINDOW w AS (PARTITION BY c_name ORDER BY month ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY month, r;
SELECT n_name, sum(CASE WHEN o_orderpriority IN ('1-URGENT', '2-HIGH') THEN 1 ELSE 0 END) AS high, count(DISTINCT o_custkey) AS customers
FROM orders o LEFT JOIN lineitem l ON l.l_orderkey = o.o_orderkey INNER JOIN nation n USING (n_nationkey)
WHERE o.o_orderdate >= '2001-01-01'::date AND o.o_orderdate < '2001-01-01'::date + interval '1 year' AND l.l_shipmode NOT IN ('AIR', 'RAIL')
  AND EXISTS (SELECT 1 FROM partsupp WHERE ps_partkey = l.l_partkey AND ps_availqty > 0)
GROUP BY ROLLUP (n_name) HAVING count(*) > 5 ORDER BY 2 DESC;
SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt FROM partsupp, part
WHERE p_partkey = ps_partkey AND p_brand <> 'Brand#45' AND p_type NOT LIKE 'MEDIUM POLISHED%' AND p_size IN (49, 14, 23, 45, 19, 3, 36, 9)
  AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%Customer%Complaints%')
GROUP BY p_brand, p_type, p_size ORDER BY supplier_cnt DESC, p_brand, p_type, p_size;
SELECT o_year, sum(CASE WHEN nation = 'BRAZIL' THEN volume ELSE 0 END) / sum(volume) AS mkt_share
FROM (SELECT extract(year FROM o_orderdate) AS o_year, l_extendedprice * (1 - l_discount) AS volume, n2.n_name AS nation
  FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region
  WHERE p_partkey = l_partkey AND s_suppkey = l_suppkey AND l_orderkey = o_orderkey AND o_custkey = c_custkey
    AND o_orderdate BETWEEN date '2001-01-01' AND date '2001-12-31' AND p_type = 'ECONOMY ANODIZED STEEL') AS all_nations
GROUP BY o_year ORDER BY o_year;
