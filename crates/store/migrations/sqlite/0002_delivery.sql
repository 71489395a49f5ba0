-- Forwarding: who gets the events, how far each is, what is set aside for it, what it answered.

-- A customer's address that an account's events are forwarded to. An endpoint of one inbox has a channel.
-- Up to `cursor_event` every event was delivered to it or set aside; `owner` is the process that delivers.
create table endpoint (
    id blob primary key not null,
    account_id integer not null references account (id) on delete cascade,
    channel_id integer references channel (id) on delete cascade,
    name text not null,
    host text not null,
    url blob not null,
    format text not null,
    kinds text not null,
    headers blob not null,
    secret blob not null,
    secret_before blob,
    secret_before_until integer,
    per_second integer,
    disabled_at integer,
    disabled_why text,
    cursor_event integer not null,
    failures integer not null,
    failing_since integer,
    wait_until integer,
    delivered_at integer,
    owner blob,
    leased_until integer,
    generation integer not null,
    created_at integer not null,
    updated_at integer not null
) strict;

create index endpoint_by_account on endpoint (account_id, id);

-- An event an endpoint has not taken yet though it is behind the cursor, or never will. States: 0 waits,
-- 1 asked for again, 2 given up.
create table delivery (
    endpoint_id blob not null references endpoint (id) on delete cascade,
    event_id integer not null,
    state integer not null,
    part integer not null,
    attempts integer not null,
    first_failed_at integer,
    due_at integer not null,
    failure text,
    primary key (endpoint_id, event_id)
) strict, without rowid;

create index delivery_by_state on delivery (endpoint_id, state, event_id);

-- One post to an endpoint and its answer, trimmed; no status where nobody answered.
create table delivery_attempt (
    endpoint_id blob not null references endpoint (id) on delete cascade,
    event_id integer not null,
    at integer not null,
    part integer not null,
    attempt integer not null,
    status integer,
    millis integer not null,
    outcome text not null,
    answer text,
    primary key (endpoint_id, event_id, at)
) strict, without rowid;

-- newest first, for people
create index delivery_attempt_by_time on delivery_attempt (endpoint_id, at, event_id);
create index delivery_attempt_failed on delivery_attempt (endpoint_id, at, event_id) where outcome <> 'delivered';

-- A process that delivers, so that several share the endpoints.
create table replica (
    id blob primary key not null,
    seen_at integer not null
) strict;
