-- What the platform's queues keep of each row, see shoal_queue.
ALTER TABLE webhook_deliveries ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE webhook_deliveries ADD COLUMN first_error TEXT NOT NULL DEFAULT '';
ALTER TABLE webhook_deliveries ADD COLUMN queued_at BIGINT;
ALTER TABLE webhook_deliveries ADD COLUMN discarded_at BIGINT;
UPDATE webhook_deliveries SET reason = CASE
        WHEN last_error = 'endpoint disabled' THEN 'endpoint_disabled'
        WHEN last_status = 410 THEN 'gone'
        ELSE 'attempts_exhausted' END
    WHERE state = 'dead';
