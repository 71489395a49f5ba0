-- What is usual between two webhooks of a number: since when it is heard of, and the longest gap, in microseconds. An old
-- gap fades: a 32nd of every later one is taken off it.
alter table channel_webhook add column heard_from bigint;
alter table channel_webhook add column longest_gap bigint;
