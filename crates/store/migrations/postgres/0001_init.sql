-- The schema of Linekeeper on PostgreSQL. The other engine's folder has the same tables and columns; a test compares them.
-- Append-only from the first release on. Times and durations are microseconds; times count from 1970 (UTC). Sealed
-- columns hold key id, nonce, ciphertext and tag (store::sealing).

-- A tenant of this installation.
create table account (
    id bigint generated always as identity primary key,
    name text not null,
    created_at bigint not null
);

-- An API key. Only the hash of its secret is stored. A key without an account opens the whole installation.
create table api_key (
    id uuid primary key,
    account_id bigint references account (id) on delete cascade,
    name text not null,
    scope text not null,
    secret_hash bytea not null unique,
    created_at bigint not null,
    last_used_at bigint,
    revoked_at bigint
);

-- A signed-in browser, identified by the hash of its cookie.
create table session (
    token_hash bytea primary key,
    api_key_id uuid not null references api_key (id) on delete cascade,
    csrf_token text not null,
    created_at bigint not null,
    expires_at bigint not null
);

create index session_by_expiry on session (expires_at);

-- A number connected to an account, with its sealed tokens and its last health assessment.
create table channel (
    id bigint generated always as identity primary key,
    account_id bigint not null references account (id) on delete cascade,
    name text not null,
    phone_number text not null unique,
    phone_number_id text not null unique,
    waba_id text not null,
    business_id text,
    onboarding text not null,
    access_token bytea not null,
    token_expires_at bigint,
    token_dead_since bigint,
    token_renewed_at bigint,
    verify_token bytea not null,
    level text,
    level_until bigint,
    last_assessment text,
    created_at bigint not null,
    updated_at bigint not null
);

create index channel_by_account on channel (account_id, id);
create index channel_by_waba on channel (waba_id, id);
create index channel_by_level_until on channel (level_until) where level_until is not null;

-- The webhooks of a channel. Subscribed, overridden, verified and seen are four independent facts. `longest_gap` is
-- the longest time between two webhooks; each later gap takes a 32nd of itself off it. `repairs` is JSON: what was
-- repaired at Meta without a person, and what a person was asked about.
create table channel_webhook (
    channel_id bigint primary key references channel (id) on delete cascade,
    subscribed_at bigint,
    override_level text not null,
    override_url text,
    override_error text,
    verified_at bigint,
    first_seen_at bigint,
    last_seen_at bigint,
    longest_gap bigint,
    error text,
    checked_at bigint,
    repairs text
);

-- A number at Meta: its sealed PIN, its hold, and the facts derived from readings. The row outlives the channel.
create table number (
    phone_number_id text primary key,
    pin bytea,
    pin_set_at bigint,
    held_until bigint,
    facts text not null,
    updated_at bigint not null
);

-- A register or deregister call. The row is written before the call; a call without an outcome counts as spent.
create table number_attempt (
    id uuid primary key,
    phone_number_id text not null,
    kind text not null,
    basis text not null,
    reason text not null,
    started_at bigint not null,
    settled_at bigint,
    succeeded boolean,
    failure text,
    is_assumed boolean not null
);

create index number_attempt_by_number on number_attempt (phone_number_id, started_at);
create unique index number_attempt_unsettled on number_attempt (phone_number_id) where settled_at is null;

-- The newest change of each kind to a number. A change is evidence, and counts once.
create table number_change (
    phone_number_id text not null,
    kind text not null,
    at bigint not null,
    source text not null,
    primary key (phone_number_id, kind)
);

-- The newest reading of a channel, and the newest failure to read it.
create table snapshot (
    channel_id bigint primary key references channel (id) on delete cascade,
    reading text,
    waba text,
    checked_at bigint,
    failure text,
    failed_at bigint
);

-- The readings and levels of a channel over time. A row is written only when one of them differs from the row before.
create table snapshot_history (
    id uuid primary key,
    channel_id bigint not null references channel (id) on delete cascade,
    at bigint not null,
    level text not null,
    reading text not null,
    waba text
);

create index snapshot_history_by_channel on snapshot_history (channel_id, id);

-- An embedded signup, from the arrival of its code. With the sealed token it can be resumed after a crash, or finished
-- with another request. `seen` are the numbers that it saw and did not choose.
create table signup (
    id uuid primary key,
    account_id bigint not null references account (id) on delete cascade,
    inbox_id bigint,
    state text not null,
    route text not null,
    onboarding text not null,
    waba_id text,
    phone_number_id text,
    business_id text,
    code_hash bytea not null unique,
    access_token bytea,
    token_expires_at bigint,
    channel_id bigint,
    seen text,
    error text,
    created_at bigint not null,
    updated_at bigint not null
);

create index signup_by_account on signup (account_id, id);
create index signup_open on signup (id) where state not in ('done', 'failed');
create index signup_by_waba on signup (waba_id);

-- A change that Meta sent or an announcement, exactly as received. States: 0 stored, 1 to interpret, 2 interpreted,
-- 3 quarantined: its body cannot be opened.
-- This is the append-only log that endpoints read. Ids are in the order of commits (store::events).
create table event (
    id bigint generated always as identity primary key,
    received_at bigint not null,
    waba_id text,
    phone_number_id text,
    channel_id bigint,
    account_id bigint,
    field text not null,
    state bigint not null,
    interpreted_at bigint,
    dedup_key bytea not null unique,
    body bytea not null
);

-- sealed bodies do not compress, and the attempt costs more than the insert
alter table event alter column body set storage external;
-- a body of 2 KiB stays in its row; by default it would be cut into pieces in a second table
alter table event set (toast_tuple_target = 8160);

create index event_to_interpret on event (id) where state = 1;
create index event_quarantined on event (id) where state = 3;
create index event_by_number on event (phone_number_id, id) where phone_number_id is not null and channel_id is null;
create index event_by_account on event (account_id, id) where account_id is not null;
create index event_by_channel on event (channel_id, id) where channel_id is not null;

-- The erasure of one person from an account's events. The sealed column `person` is cleared at the end.
create table erasure (
    id uuid primary key,
    account_id bigint not null references account (id) on delete cascade,
    person bytea,
    first_event_id bigint not null,
    last_event_id bigint not null,
    cursor_event_id bigint not null,
    pass bigint not null,
    deleted bigint not null,
    rewritten bigint not null,
    created_at bigint not null,
    finished_at bigint
);

create index erasure_unfinished on erasure (id) where finished_at is null;

-- A queued job. Enqueuing a job that runs raises its generation, and the job runs once more.
create table job (
    kind text not null,
    dedup_key text not null,
    run_at bigint not null,
    generation bigint not null,
    attempts bigint not null,
    leased_until bigint,
    last_error text,
    primary key (kind, dedup_key)
);

create index job_by_due on job (coalesce(leased_until, run_at));

-- An announcement to an account: one row per transition.
create table announcement (
    id uuid primary key,
    account_id bigint not null references account (id) on delete cascade,
    channel_id bigint,
    kind text not null,
    args text not null,
    at bigint not null
);

create index announcement_by_account on announcement (account_id, id);
create index announcement_by_channel on announcement (channel_id, id) where channel_id is not null;

-- State of the installation that is no configuration. Secrets are in the sealed column.
create table setting (
    name text primary key,
    plain text,
    sealed bytea,
    updated_at bigint not null
);

-- The response to a request with an Idempotency-Key. Account 0 stands for the operator of the installation.
create table idempotency_key (
    account_id bigint not null,
    request_key text not null,
    request_hash bytea not null,
    status bigint,
    body text,
    created_at bigint not null,
    primary key (account_id, request_key)
);

create index idempotency_key_by_age on idempotency_key (created_at);

-- A customer's endpoint that an account's events are forwarded to; with a channel it gets the events of one inbox.
-- Every event up to `cursor_event` was delivered or has a row in `delivery`. The replica that delivers holds a lease.
create table endpoint (
    id uuid primary key,
    account_id bigint not null references account (id) on delete cascade,
    channel_id bigint references channel (id) on delete cascade,
    name text not null,
    host text not null,
    url bytea not null,
    format text not null,
    kinds text not null,
    headers bytea not null,
    secret bytea not null,
    previous_secret bytea,
    previous_secret_until bigint,
    per_second bigint,
    disabled_at bigint,
    disabled_reason text,
    cursor_event bigint not null,
    failures bigint not null,
    failing_since bigint,
    blocked_until bigint,
    last_delivered_at bigint,
    leased_by uuid,
    leased_until bigint,
    generation bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);

create index endpoint_by_account on endpoint (account_id, id);

-- What an endpoint has not accepted before its cursor. The unit of delivery is an item of an event: one message, one
-- status, or the whole event (an item of zeros). States: 0 retrying, 1 replay requested, 2 dead letter. The row of a whole
-- event that has items is a request: the worker replaces it by a row per item.
create table delivery (
    endpoint_id uuid not null references endpoint (id) on delete cascade,
    event_id bigint not null,
    item uuid not null,
    state bigint not null,
    attempts bigint not null,
    first_failed_at bigint,
    due_at bigint not null,
    failure text,
    primary key (endpoint_id, event_id, item)
);

create index delivery_by_state on delivery (endpoint_id, state, event_id, item);

-- One request to an endpoint and its response, truncated. Without a response there is no status.
create table delivery_attempt (
    endpoint_id uuid not null references endpoint (id) on delete cascade,
    event_id bigint not null,
    item uuid not null,
    at bigint not null,
    attempt bigint not null,
    status bigint,
    duration_ms bigint not null,
    outcome text not null,
    answer text,
    primary key (endpoint_id, event_id, item, at)
);

-- for lists, newest first
create index delivery_attempt_by_time on delivery_attempt (endpoint_id, at, event_id, item);
create index delivery_attempt_failed on delivery_attempt (endpoint_id, at, event_id, item) where outcome <> 'delivered';

-- A service that runs, and the id of the key that it seals with. A row that is not renewed is of a service that is gone.
create table service (
    id uuid primary key not null,
    seal_key bytea not null,
    seen_at bigint not null
);

-- A process that delivers. Replicas divide the endpoints among themselves.
create table replica (
    id uuid primary key,
    heartbeat_at bigint not null
);
