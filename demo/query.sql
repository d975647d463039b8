-- Which campaigns' messages are opened most often? A delivery that was read twice counts once.
WITH deliveries AS (
  SELECT id, campaign_id, metrics ->> 'opened' AS opened_at
  FROM read_json(
    '{files}/messages.jsonl', columns = {id: 'VARCHAR', campaign_id: 'BIGINT', metrics: 'JSON'}
  )
),
campaigns AS (SELECT DISTINCT id, name FROM '{files}/campaigns.jsonl')
SELECT
  campaigns.name AS campaign,
  count(DISTINCT deliveries.id) AS messages,
  count(DISTINCT deliveries.id) FILTER (opened_at IS NOT NULL) AS opened,
  round(100.0 * opened / messages, 1) AS percent
FROM deliveries JOIN campaigns ON campaigns.id = deliveries.campaign_id
GROUP BY campaigns.name
ORDER BY percent DESC, campaign
LIMIT 5
