-- Products with price and stock, orders placed against them, and what each order
-- holds of the stock. Amounts are minor units, times are Unix milliseconds.
CREATE TABLE products (
    id TEXT NOT NULL CONSTRAINT products_pk PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    currency TEXT NOT NULL,
    price BIGINT NOT NULL,
    stock BIGINT NOT NULL,
    active BIGINT NOT NULL,
    -- Under which seeding recognises its own products.
    seed_key TEXT CONSTRAINT products_seed_key_unique UNIQUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT products_price_positive CHECK (price > 0),
    -- The last line of defence: no order takes what is not there.
    CONSTRAINT products_stock_non_negative CHECK (stock >= 0),
    CONSTRAINT products_stock_bounded CHECK (stock <= 1000000000)
);

CREATE TABLE orders (
    id TEXT NOT NULL CONSTRAINT orders_pk PRIMARY KEY,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    currency TEXT NOT NULL,
    total BIGINT NOT NULL,
    payment_id TEXT,
    -- Set once money and stock are arranged; the status follows with the event.
    settled_at BIGINT,
    rejection_code TEXT,
    rejection_message TEXT,
    cancel_reason TEXT NOT NULL,
    -- The saga that moves the order, or moved it last.
    saga_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    -- Of the request; outlasts the stored answer, so that a key never changes meaning.
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT orders_key_unique UNIQUE (user_id, idempotency_key),
    CONSTRAINT orders_total_positive CHECK (total > 0),
    CONSTRAINT orders_status_known CHECK (
        status IN ('pending', 'confirmed', 'rejected', 'cancelling', 'cancelled', 'fulfilled')
    ),
    CONSTRAINT orders_confirmed_is_paid CHECK (
        status NOT IN ('confirmed', 'fulfilled') OR (payment_id IS NOT NULL AND settled_at IS NOT NULL)
    )
);
CREATE INDEX orders_of_user ON orders (user_id, id);
CREATE INDEX orders_by_status ON orders (status, id);

CREATE TABLE order_items (
    order_id TEXT NOT NULL CONSTRAINT order_items_of_order REFERENCES orders (id) ON DELETE CASCADE,
    line BIGINT NOT NULL,
    product_id TEXT NOT NULL CONSTRAINT order_items_of_product REFERENCES products (id),
    name TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    unit_price BIGINT NOT NULL,
    CONSTRAINT order_items_pk PRIMARY KEY (order_id, line),
    CONSTRAINT order_items_quantity_positive CHECK (quantity > 0),
    CONSTRAINT order_items_price_positive CHECK (unit_price > 0)
);

-- What an order holds of the stock. A released row stays: it keeps a reservation
-- that comes late from taking hold again.
CREATE TABLE reservations (
    order_id TEXT NOT NULL CONSTRAINT reservations_of_order REFERENCES orders (id) ON DELETE CASCADE,
    product_id TEXT NOT NULL CONSTRAINT reservations_of_product REFERENCES products (id),
    quantity BIGINT NOT NULL,
    state TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT reservations_pk PRIMARY KEY (order_id, product_id),
    CONSTRAINT reservations_quantity_positive CHECK (quantity > 0),
    CONSTRAINT reservations_state_known CHECK (state IN ('held', 'released', 'handed_over'))
);
CREATE INDEX reservations_of_product_held ON reservations (product_id) WHERE state = 'held';
