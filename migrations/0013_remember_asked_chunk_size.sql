-- chunk.size as it was last heeded, so that an edit of it takes effect at the next chunk while
-- what was learned since is kept otherwise.
ALTER TABLE progressive_backfill_state ADD COLUMN chunk_size_asked integer;
