-- What the platform's queues keep of each row, see shoal_queue.
ALTER TABLE deliveries ADD COLUMN first_error TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN queued_at BIGINT;
ALTER TABLE deliveries ADD COLUMN discarded_at BIGINT;
