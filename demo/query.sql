-- Which campaigns' messages are opened most often? A row is a delivery; a row read again counts once.
WITH deliveries AS (
  SELECT DISTINCT id, campaign_id, metrics ->> 'opened' AS opened
  FROM read_json('{files}/messages.jsonl', columns = {id: 'VARCHAR', campaign_id: 'BIGINT', metrics: 'JSON'})
)
SELECT
  campaigns.name AS campaign,
  count(DISTINCT deliveries.id) AS deliveries,
  count(DISTINCT deliveries.id) FILTER (opened IS NOT NULL) AS opened
FROM deliveries
JOIN (SELECT DISTINCT id, name FROM '{files}/campaigns.jsonl') AS campaigns ON campaigns.id = campaign_id
GROUP BY ALL
ORDER BY count(opened) / count(*) DESC, campaign
LIMIT 5
