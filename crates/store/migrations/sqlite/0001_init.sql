-- Times are microseconds since 1970 (UTC). Sealed columns hold key id, nonce, ciphertext (store::sealing).
-- The same tables and columns as migrations/postgres; a test compares them. Append-only once released.

-- A tenant of this installation.
create table account (
    id integer primary key autoincrement,
    name text not null,
    created_at integer not null
) strict;

-- A key to the API: only its hash is kept. Without an account it opens the whole installation.
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

-- A browser that signed in with a key, known by the hash of its cookie.
create table session (
    token_hash blob primary key not null,
    api_key_id blob not null references api_key (id) on delete cascade,
    csrf_token text not null,
    created_at integer not null,
    expires_at integer not null
) strict;

create index session_by_expiry on session (expires_at);

-- A connected number with its sealed tokens and the last judgement of it.
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
    remembered text,
    created_at integer not null,
    updated_at integer not null
) strict;

create index channel_by_account on channel (account_id, id);
create index channel_by_waba on channel (waba_id, id);
create index channel_by_level_until on channel (level_until) where level_until is not null;

-- What is known of a channel's callbacks: subscribed, overridden, verified and heard are four facts.
create table channel_webhook (
    channel_id integer primary key references channel (id) on delete cascade,
    subscribed_at integer,
    override_level text not null,
    override_url text,
    override_error text,
    verified_at integer,
    last_heard_at integer,
    error text,
    checked_at integer,
    healed_at integer
) strict;

-- A number at Meta: its sealed PIN, its hold and what was learnt of it. Outlives the channel.
create table number (
    phone_number_id text primary key not null,
    pin blob,
    pin_set_at integer,
    pin_confirmed_at integer,
    held_until integer,
    facts text not null,
    updated_at integer not null
) strict;

-- One register or deregister call, written before it is made; without an outcome it counts as spent.
create table number_attempt (
    id blob primary key not null,
    phone_number_id text not null,
    kind text not null,
    basis text not null,
    why text not null,
    started_at integer not null,
    settled_at integer,
    succeeded integer,
    failure text,
    is_assumed integer not null
) strict;

create index number_attempt_by_number on number_attempt (phone_number_id, started_at);
create unique index number_attempt_unsettled on number_attempt (phone_number_id) where settled_at is null;

-- The newest change of each kind to a number: evidence counts once.
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
    error text,
    error_at integer
) strict;

-- How a channel's facts changed: a row only when facts or level differ from the row before.
create table snapshot_history (
    id blob primary key not null,
    channel_id integer not null references channel (id) on delete cascade,
    at integer not null,
    level text not null,
    reading text not null,
    waba text
) strict;

create index snapshot_history_by_channel on snapshot_history (channel_id, id);

-- One embedded signup, from the code's arrival on; the sealed token lets it go on after a crash.
create table signup (
    id blob primary key not null,
    account_id integer not null references account (id) on delete cascade,
    inbox_id integer,
    state text not null,
    onboarding text not null,
    waba_id text,
    phone_number_id text,
    business_id text,
    code_hash blob not null unique,
    access_token blob,
    token_expires_at integer,
    channel_id integer,
    error text,
    created_at integer not null,
    updated_at integer not null
) strict;

create index signup_by_account on signup (account_id, id);
create index signup_by_waba on signup (waba_id);
create index signup_by_state on signup (state, updated_at);

-- One change Meta sent, or what was announced, kept as it came. States: 0 kept, 1 to interpret,
-- 2 interpreted. The log that endpoints go through: an id is never used again, even when its row is gone.
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
-- an index on a table with a rowid ends in the rowid, which `id` is
create index event_by_number on event (phone_number_id) where phone_number_id is not null and channel_id is null;
create index event_by_account on event (account_id) where account_id is not null;
create index event_by_channel on event (channel_id) where channel_id is not null;

-- One person taken out of an account's events, and how far that is; the sealed column says who, until then.
create table erasure (
    id blob primary key not null,
    account_id integer not null references account (id) on delete cascade,
    person blob,
    first_event_id integer not null,
    last_event_id integer not null,
    after_event_id integer not null,
    passes integer not null,
    deleted integer not null,
    rewritten integer not null,
    created_at integer not null,
    finished_at integer
) strict;

create index erasure_under_way on erasure (id) where finished_at is null;

-- Work to do, by what and whom it is about. A poke while it runs raises the generation: it runs again.
create table job (
    kind text not null,
    dedup_key text not null,
    run_at integer not null,
    generation integer not null,
    attempts integer not null,
    locked_until integer,
    last_error text,
    primary key (kind, dedup_key)
) strict;

create index job_by_due on job (coalesce(locked_until, run_at));

-- What an account was told, once per transition.
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

-- What the installation knows of itself; secrets are in the sealed column.
create table setting (
    name text primary key not null,
    plain text,
    sealed blob,
    updated_at integer not null
) strict;

-- Answers already given to a request with an Idempotency-Key. Account 0 is the installation.
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
