-- What was discarded is removed in time too, like what was delivered.
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (finished_at)
    WHERE state = 'delivered' OR discarded_at IS NOT NULL;
DROP INDEX webhook_deliveries_done;
