-- The schema of Linekeeper on SQLite. The other engine's folder has the same tables and columns; a test compares them.
-- Append-only from the first release on. Times and durations are microseconds; times count from 1970 (UTC). Sealed
-- columns hold key id, nonce, ciphertext and tag (store::sealing).

-- A tenant of this installation.
create table account (
    id integer primary key autoincrement,
    name text not null,
    created_at integer not null
) strict;

-- An API key. Only the hash of its secret is stored. A key without an account opens the whole installation.
create table api_key (
    id blob primary key not null,
    account_id integer references account (id) on delete cascade,
    name text not null,
    scope text not null,
    secret_hash blob not null unique,
    created_at integer not null,
    last_used_at integer,
    revoked_at integer
) strict;

-- A signed-in browser, identified by the hash of its cookie.
create table session (
    token_hash blob primary key not null,
    api_key_id blob not null references api_key (id) on delete cascade,
    csrf_token text not null,
    created_at integer not null,
    expires_at integer not null
) strict;

create index session_by_expiry on session (expires_at);

-- A number connected to an account, with its sealed tokens and its last health assessment.
create table channel (
    id integer primary key autoincrement,
    account_id integer not null references account (id) on delete cascade,
    name text not null,
    phone_number text not null unique,
    phone_number_id text not null unique,
    waba_id text not null,
    business_id text,
    onboarding text not null,
    access_token blob not null,
    token_expires_at integer,
    token_dead_since integer,
    token_renewed_at integer,
    verify_token blob not null,
    level text,
    level_until integer,
    last_assessment text,
    created_at integer not null,
    updated_at integer not null
) strict;

create index channel_by_account on channel (account_id, id);
create index channel_by_waba on channel (waba_id, id);
create index channel_by_level_until on channel (level_until) where level_until is not null;

-- The webhooks of a channel. Subscribed, overridden, verified and seen are four independent facts. `longest_gap` is
-- the longest time between two webhooks; each later gap takes a 32nd of itself off it. `repairs` is JSON: what was
-- repaired at Meta without a person, and what a person was asked about.
create table channel_webhook (
    channel_id integer primary key references channel (id) on delete cascade,
    subscribed_at integer,
    override_level text not null,
    override_url text,
    override_error text,
    verified_at integer,
    first_seen_at integer,
    last_seen_at integer,
    longest_gap integer,
    error text,
    checked_at integer,
    repairs text
) strict;

-- A number at Meta: its sealed PIN, its hold, and the facts derived from readings. The row outlives the channel.
create table number (
    phone_number_id text primary key not null,
    pin blob,
    pin_set_at integer,
    held_until integer,
    facts text not null,
    updated_at integer not null
) strict;

-- A register or deregister call. The row is written before the call; a call without an outcome counts as spent.
create table number_attempt (
    id blob primary key not null,
    phone_number_id text not null,
    kind text not null,
    basis text not null,
    reason text not null,
    started_at integer not null,
    settled_at integer,
    succeeded integer,
    failure text,
    is_assumed integer not null
) strict;

create index number_attempt_by_number on number_attempt (phone_number_id, started_at);
create unique index number_attempt_unsettled on number_attempt (phone_number_id) where settled_at is null;

-- The newest change of each kind to a number. A change is evidence, and counts once.
create table number_change (
    phone_number_id text not null,
    kind text not null,
    at integer not null,
    source text not null,
    primary key (phone_number_id, kind)
) strict;

-- The newest reading of a channel, and the newest failure to read it.
create table snapshot (
    channel_id integer primary key references channel (id) on delete cascade,
    reading text,
    waba text,
    checked_at integer,
    failure text,
    failed_at integer
) strict;

-- The readings and levels of a channel over time. A row is written only when one of them differs from the row before.
create table snapshot_history (
    id blob primary key not null,
    channel_id integer not null references channel (id) on delete cascade,
    at integer not null,
    level text not null,
    reading text not null,
    waba text
) strict;

create index snapshot_history_by_channel on snapshot_history (channel_id, id);

-- An embedded signup, from the arrival of its code. With the sealed token it can be resumed after a crash, or finished
-- with another request. `seen` are the numbers that it saw and did not choose.
create table signup (
    id blob primary key not null,
    account_id integer not null references account (id) on delete cascade,
    inbox_id integer,
    state text not null,
    route text not null,
    onboarding text not null,
    waba_id text,
    phone_number_id text,
    business_id text,
    code_hash blob not null unique,
    access_token blob,
    token_expires_at integer,
    channel_id integer,
    seen text,
    error text,
    created_at integer not null,
    updated_at integer not null
) strict;

create index signup_by_account on signup (account_id, id);
create index signup_open on signup (id) where state not in ('done', 'failed');
create index signup_by_waba on signup (waba_id);

-- A change that Meta sent or an announcement, exactly as received. States: 0 stored, 1 to interpret, 2 interpreted,
-- 3 quarantined: its body cannot be opened.
-- This is the append-only log that endpoints read. An id is never used twice, even after its row is deleted.
create table event (
    id integer primary key autoincrement,
    received_at integer not null,
    waba_id text,
    phone_number_id text,
    channel_id integer,
    account_id integer,
    field text not null,
    state integer not null,
    interpreted_at integer,
    dedup_key blob not null unique,
    body blob not null
) strict;

create index event_to_interpret on event (state) where state = 1;
create index event_quarantined on event (state) where state = 3;
-- an index on a table with a rowid ends in the rowid, which is `id`
create index event_by_number on event (phone_number_id) where phone_number_id is not null and channel_id is null;
create index event_by_account on event (account_id) where account_id is not null;
create index event_by_channel on event (channel_id) where channel_id is not null;

-- The erasure of one person from an account's events. The sealed column `person` is cleared at the end.
create table erasure (
    id blob primary key not null,
    account_id integer not null references account (id) on delete cascade,
    person blob,
    first_event_id integer not null,
    last_event_id integer not null,
    cursor_event_id integer not null,
    pass integer not null,
    deleted integer not null,
    rewritten integer not null,
    created_at integer not null,
    finished_at integer
) strict;

create index erasure_unfinished on erasure (id) where finished_at is null;

-- A queued job. Enqueuing a job that runs raises its generation, and the job runs once more.
create table job (
    kind text not null,
    dedup_key text not null,
    run_at integer not null,
    generation integer not null,
    attempts integer not null,
    leased_until integer,
    last_error text,
    primary key (kind, dedup_key)
) strict;

create index job_by_due on job (coalesce(leased_until, run_at));

-- An announcement to an account: one row per transition.
create table announcement (
    id blob primary key not null,
    account_id integer not null references account (id) on delete cascade,
    channel_id integer,
    kind text not null,
    args text not null,
    at integer not null
) strict;

create index announcement_by_account on announcement (account_id, id);
create index announcement_by_channel on announcement (channel_id, id) where channel_id is not null;

-- State of the installation that is no configuration. Secrets are in the sealed column.
create table setting (
    name text primary key not null,
    plain text,
    sealed blob,
    updated_at integer not null
) strict;

-- The response to a request with an Idempotency-Key. Account 0 stands for the operator of the installation.
create table idempotency_key (
    account_id integer not null,
    request_key text not null,
    request_hash blob not null,
    status integer,
    body text,
    created_at integer not null,
    primary key (account_id, request_key)
) strict;

create index idempotency_key_by_age on idempotency_key (created_at);

-- A customer's endpoint that an account's events are forwarded to; with a channel it gets the events of one inbox.
-- Every event up to `cursor_event` was delivered or has a row in `delivery`. The replica that delivers holds a lease.
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
    previous_secret blob,
    previous_secret_until integer,
    per_second integer,
    disabled_at integer,
    disabled_reason text,
    cursor_event integer not null,
    failures integer not null,
    failing_since integer,
    blocked_until integer,
    last_delivered_at integer,
    leased_by blob,
    leased_until integer,
    generation integer not null,
    created_at integer not null,
    updated_at integer not null
) strict;

create index endpoint_by_account on endpoint (account_id, id);

-- What an endpoint has not accepted before its cursor. The unit of delivery is an item of an event: one message, one
-- status, or the whole event (an item of zeros). States: 0 retrying, 1 replay requested, 2 dead letter. The row of a whole
-- event that has items is a request: the worker replaces it by a row per item.
create table delivery (
    endpoint_id blob not null references endpoint (id) on delete cascade,
    event_id integer not null,
    item blob not null,
    state integer not null,
    attempts integer not null,
    first_failed_at integer,
    due_at integer not null,
    failure text,
    primary key (endpoint_id, event_id, item)
) strict, without rowid;

create index delivery_by_state on delivery (endpoint_id, state, event_id, item);

-- One request to an endpoint and its response, truncated. Without a response there is no status.
create table delivery_attempt (
    endpoint_id blob not null references endpoint (id) on delete cascade,
    event_id integer not null,
    item blob not null,
    at integer not null,
    attempt integer not null,
    status integer,
    duration_ms integer not null,
    outcome text not null,
    answer text,
    primary key (endpoint_id, event_id, item, at)
) strict, without rowid;

-- for lists, newest first
create index delivery_attempt_by_time on delivery_attempt (endpoint_id, at, event_id, item);
create index delivery_attempt_failed on delivery_attempt (endpoint_id, at, event_id, item) where outcome <> 'delivered';

-- A service that runs, and the id of the key that it seals with. A row that is not renewed is of a service that is gone.
create table service (
    id blob primary key not null,
    seal_key blob not null,
    seen_at integer not null
) strict;

-- A process that delivers. Replicas divide the endpoints among themselves.
create table replica (
    id blob primary key not null,
    heartbeat_at integer not null
) strict;
