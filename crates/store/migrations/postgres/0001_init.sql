-- Times are microseconds since 1970 (UTC). Sealed columns hold key id, nonce, ciphertext (store::sealing).
-- The same tables and columns as migrations/sqlite; a test compares them. Append-only once released.

-- A tenant of this installation.
create table account (
    id bigint generated always as identity primary key,
    name text not null,
    created_at bigint not null
);

-- A key to the API: only its hash is kept. Without an account it opens the whole installation.
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

-- A browser that signed in with a key, known by the hash of its cookie.
create table session (
    token_hash bytea primary key,
    api_key_id uuid not null references api_key (id) on delete cascade,
    csrf_token text not null,
    created_at bigint not null,
    expires_at bigint not null
);

create index session_by_expiry on session (expires_at);

-- A connected number with its sealed tokens and the last judgement of it.
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
    remembered text,
    created_at bigint not null,
    updated_at bigint not null
);

create index channel_by_account on channel (account_id, id);
create index channel_by_waba on channel (waba_id, id);
create index channel_by_level_until on channel (level_until) where level_until is not null;

-- What is known of a channel's callbacks: subscribed, overridden, verified and heard are four facts.
create table channel_webhook (
    channel_id bigint primary key references channel (id) on delete cascade,
    subscribed_at bigint,
    override_level text not null,
    override_url text,
    override_error text,
    verified_at bigint,
    last_heard_at bigint,
    error text,
    checked_at bigint,
    healed_at bigint
);

-- A number at Meta: its sealed PIN, its hold and what was learnt of it. Outlives the channel.
create table number (
    phone_number_id text primary key,
    pin bytea,
    pin_set_at bigint,
    pin_confirmed_at bigint,
    held_until bigint,
    facts text not null,
    updated_at bigint not null
);

-- One register or deregister call, written before it is made; without an outcome it counts as spent.
create table number_attempt (
    id uuid primary key,
    phone_number_id text not null,
    kind text not null,
    basis text not null,
    why text not null,
    started_at bigint not null,
    settled_at bigint,
    succeeded boolean,
    failure text,
    is_assumed boolean not null
);

create index number_attempt_by_number on number_attempt (phone_number_id, started_at);
create unique index number_attempt_unsettled on number_attempt (phone_number_id) where settled_at is null;

-- The newest change of each kind to a number: evidence counts once.
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
    error text,
    error_at bigint
);

-- How a channel's facts changed: a row only when facts or level differ from the row before.
create table snapshot_history (
    id uuid primary key,
    channel_id bigint not null references channel (id) on delete cascade,
    at bigint not null,
    level text not null,
    reading text not null,
    waba text
);

create index snapshot_history_by_channel on snapshot_history (channel_id, id);

-- One embedded signup, from the code's arrival on; the sealed token lets it go on after a crash.
create table signup (
    id uuid primary key,
    account_id bigint not null references account (id) on delete cascade,
    inbox_id bigint,
    state text not null,
    onboarding text not null,
    waba_id text,
    phone_number_id text,
    business_id text,
    code_hash bytea not null unique,
    access_token bytea,
    token_expires_at bigint,
    channel_id bigint,
    error text,
    created_at bigint not null,
    updated_at bigint not null
);

create index signup_by_account on signup (account_id, id);
create index signup_by_waba on signup (waba_id);
create index signup_by_state on signup (state, updated_at);

-- One change Meta sent, or what was announced, kept as it came. States: 0 kept, 1 to interpret,
-- 2 interpreted. The log that endpoints go through: ids are in the order of commits (store::events).
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

-- sealed bodies do not compress; trying costs more than the insert
alter table event alter column body set storage external;
-- a body of 2 KiB stays in its row instead of being cut up into a second table
alter table event set (toast_tuple_target = 8160);

create index event_to_interpret on event (id) where state = 1;
create index event_by_number on event (phone_number_id, id) where phone_number_id is not null and channel_id is null;
create index event_by_account on event (account_id, id) where account_id is not null;
create index event_by_channel on event (channel_id, id) where channel_id is not null;

-- One person taken out of an account's events, and how far that is; the sealed column says who, until then.
create table erasure (
    id uuid primary key,
    account_id bigint not null references account (id) on delete cascade,
    person bytea,
    first_event_id bigint not null,
    last_event_id bigint not null,
    after_event_id bigint not null,
    passes bigint not null,
    deleted bigint not null,
    rewritten bigint not null,
    created_at bigint not null,
    finished_at bigint
);

create index erasure_under_way on erasure (id) where finished_at is null;

-- Work to do, by what and whom it is about. A poke while it runs raises the generation: it runs again.
create table job (
    kind text not null,
    dedup_key text not null,
    run_at bigint not null,
    generation bigint not null,
    attempts bigint not null,
    locked_until bigint,
    last_error text,
    primary key (kind, dedup_key)
);

create index job_by_due on job (coalesce(locked_until, run_at));

-- What an account was told, once per transition.
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

-- What the installation knows of itself; secrets are in the sealed column.
create table setting (
    name text primary key,
    plain text,
    sealed bytea,
    updated_at bigint not null
);

-- Answers already given to a request with an Idempotency-Key. Account 0 is the installation.
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
