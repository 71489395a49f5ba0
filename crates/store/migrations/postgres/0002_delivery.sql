-- Forwarding: who gets the events, how far each is, what is set aside for it, what it answered.

-- A customer's address that an account's events are forwarded to. An endpoint of one inbox has a channel.
-- Up to `cursor_event` every event was delivered to it or set aside; `owner` is the process that delivers.
create table endpoint (
    id uuid primary key not null,
    account_id bigint not null references account (id) on delete cascade,
    channel_id bigint references channel (id) on delete cascade,
    name text not null,
    host text not null,
    url bytea not null,
    format text not null,
    kinds text not null,
    headers bytea not null,
    secret bytea not null,
    secret_before bytea,
    secret_before_until bigint,
    per_second bigint,
    disabled_at bigint,
    disabled_why text,
    cursor_event bigint not null,
    failures bigint not null,
    failing_since bigint,
    wait_until bigint,
    delivered_at bigint,
    owner uuid,
    leased_until bigint,
    generation bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);

create index endpoint_by_account on endpoint (account_id, id);

-- An event an endpoint has not taken yet though it is behind the cursor, or never will. States: 0 waits,
-- 1 asked for again, 2 given up.
create table delivery (
    endpoint_id uuid not null references endpoint (id) on delete cascade,
    event_id bigint not null,
    state bigint not null,
    part bigint not null,
    attempts bigint not null,
    first_failed_at bigint,
    due_at bigint not null,
    failure text,
    primary key (endpoint_id, event_id)
);

create index delivery_by_state on delivery (endpoint_id, state, event_id);

-- One post to an endpoint and its answer, trimmed; no status where nobody answered.
create table delivery_attempt (
    endpoint_id uuid not null references endpoint (id) on delete cascade,
    event_id bigint not null,
    at bigint not null,
    part bigint not null,
    attempt bigint not null,
    status bigint,
    millis bigint not null,
    outcome text not null,
    answer text,
    primary key (endpoint_id, event_id, at)
);

-- newest first, for people
create index delivery_attempt_by_time on delivery_attempt (endpoint_id, at, event_id);
create index delivery_attempt_failed on delivery_attempt (endpoint_id, at, event_id) where outcome <> 'delivered';

-- A process that delivers, so that several share the endpoints.
create table replica (
    id uuid primary key not null,
    seen_at bigint not null
);
