-- Questions to the tables that the Collector's ClickHouse exporter makes (otel_metrics_sum, _gauge, _histogram). Cumulative series:
-- a difference that is negative began anew.

-- Bits a second by switch, port and direction, a minute each
SELECT minute, host, port, direction, sum(grown) * 8 / 60 AS bps
FROM (
    SELECT toStartOfMinute(TimeUnix) AS minute, ResourceAttributes['host.name'] AS host,
           Attributes['network.interface.name'] AS port, Attributes['network.io.direction'] AS direction,
           Sum - lagInFrame(Sum, 1, Sum) OVER (
               PARTITION BY ResourceAttributes['host.name'], Attributes, StartTimeUnix ORDER BY TimeUnix) AS grown
    FROM otel_metrics_histogram
    WHERE MetricName = 'bpf.bytes' AND TimeUnix > now() - INTERVAL 1 HOUR
)
GROUP BY minute, host, port, direction
ORDER BY minute, host, port, direction;

-- Punted packets by protocol, worst switch first
SELECT ResourceAttributes['host.name'] AS host, Attributes['telegen.punt.protocol'] AS protocol,
       max(Value) - min(Value) AS packets
FROM otel_metrics_sum
WHERE MetricName = 'telegen.punt.packets' AND TimeUnix > now() - INTERVAL 10 MINUTE
GROUP BY host, protocol, Attributes['network.interface.name'], StartTimeUnix
ORDER BY packets DESC LIMIT 20;

-- Switches that fell silent
SELECT ResourceAttributes['host.name'] AS host, max(TimeUnix) AS last_heard
FROM otel_metrics_sum
WHERE MetricName = 'telegen.agent.passes' AND TimeUnix > now() - INTERVAL 1 DAY
GROUP BY host HAVING last_heard < now() - INTERVAL 2 MINUTE ORDER BY last_heard;
