-- The questions that people ask most. The embedding view reads content_hash, not embedding: a view
-- on that column would forbid changing its type when pgvector appears.
CREATE VIEW items_needing_embeddings_priority AS
SELECT item.item_type,
       item.id,
       item.repository_id,
       CASE WHEN EXISTS (SELECT 1 FROM workspace_repositories w
                          WHERE w.repository_id = item.repository_id)
            THEN 1 ELSE item.rank END AS priority
  FROM (
        SELECT 'issue' AS item_type, id, repository_id, 2 AS rank
          FROM issues WHERE content_hash IS NULL AND deleted_at IS NULL
        UNION ALL
        SELECT 'pull_request', id, repository_id, 3
          FROM pull_requests WHERE content_hash IS NULL AND deleted_at IS NULL
        UNION ALL
        SELECT 'discussion', id, repository_id, 4
          FROM discussions WHERE content_hash IS NULL AND deleted_at IS NULL
       ) AS item;

CREATE VIEW backfill_progress_summary AS
SELECT r.full_name AS repository,
       s.status,
       s.processed_prs,
       s.total_prs,
       round(100.0 * s.processed_prs / NULLIF(s.total_prs, 0), 2) AS percent,
       COALESCE(sum(c.chunks), 0) AS chunks,
       COALESCE(sum(c.chunks) FILTER (WHERE c.status = 'completed'), 0) AS completed_chunks,
       COALESCE(sum(c.chunks) FILTER (WHERE c.status = 'failed'), 0) AS failed_chunks,
       COALESCE(sum(c.chunks) FILTER (WHERE c.status = 'processing'), 0) AS processing_chunks,
       s.stage,
       s.back_to,
       s.last_processed_at,
       s.updated_at
  FROM progressive_backfill_state s
  JOIN repositories r ON r.id = s.repository_id
  LEFT JOIN backfill_chunks c ON c.backfill_state_id = s.id AND c.walk = s.walk
 GROUP BY s.id, r.full_name;
