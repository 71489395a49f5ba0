// A peer: fastify and better-sqlite3 in two processes. It stores every message of every change durably before the answer.
// Written by hand like a careful integrator would do it; no library parses the posts.

'use strict';

const cluster = require('node:cluster');
const crypto = require('node:crypto');
const Database = require('better-sqlite3');
const fastify = require('fastify');

const WORKERS = 2;
const PATH = '/webhooks/whatsapp';
const LARGEST_BODY = 3_000_000;
const { PEER_PORT, PEER_DATABASE, PEER_APP_SECRET, PEER_VERIFY_TOKEN } = process.env;

function openDatabase() {
  const db = new Database(PEER_DATABASE, { timeout: 10_000 });
  db.pragma('journal_mode = wal');
  db.pragma('synchronous = full');
  db.exec('create table if not exists message (id text primary key, body text not null) without rowid');
  return db;
}

// Commits everything that arrived in one turn of the event loop in one transaction.
function makeStore(db) {
  const insert = db.prepare('insert or ignore into message (id, body) values (?, ?)');
  const insertAll = db.transaction((posts) => {
    for (const post of posts) for (const [id, body] of post.rows) insert.run(id, body);
  });
  let waiting = [];
  function commit() {
    const posts = waiting;
    waiting = [];
    try {
      insertAll.immediate(posts);
      for (const post of posts) post.resolve();
    } catch (error) {
      for (const post of posts) post.reject(error);
    }
  }
  return (rows) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(commit);
      waiting.push({ rows, resolve, reject });
    });
}

function isSigned(header, body) {
  if (typeof header !== 'string' || !header.startsWith('sha256=')) return false;
  const given = Buffer.from(header.slice(7), 'hex');
  const right = crypto.createHmac('sha256', PEER_APP_SECRET).update(body).digest();
  return given.length === right.length && crypto.timingSafeEqual(given, right);
}

function* messagesOf(post) {
  for (const entry of post.entry ?? []) {
    for (const change of entry.changes ?? []) {
      for (const message of change.value?.messages ?? []) {
        if (typeof message.id === 'string') yield [message.id, JSON.stringify(message)];
      }
    }
  }
}

function serve() {
  const db = openDatabase();
  const store = makeStore(db);
  const app = fastify({ bodyLimit: LARGEST_BODY });
  // The signature covers the received bytes unchanged.
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, body, done) => done(null, body));

  app.get(PATH, (request, reply) => {
    const { 'hub.mode': mode, 'hub.verify_token': token, 'hub.challenge': challenge } = request.query;
    if (mode !== 'subscribe' || token !== PEER_VERIFY_TOKEN) return reply.code(403).send();
    return reply.type('text/plain').send(challenge);
  });

  app.post(PATH, async (request, reply) => {
    if (!isSigned(request.headers['x-hub-signature-256'], request.body)) return reply.code(401).send();
    let post;
    try {
      post = JSON.parse(request.body);
    } catch {
      return reply.code(400).send();
    }
    const rows = [...messagesOf(post)];
    if (rows.length > 0) await store(rows);
    return reply.send();
  });

  app.get('/observed', () => db.prepare('select id from message').pluck().all());
  app.listen({ host: '127.0.0.1', port: Number(PEER_PORT) });
}

if (cluster.isPrimary) {
  openDatabase().close();
  for (let worker = 0; worker < WORKERS; worker += 1) cluster.fork();
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
    process.exit(0);
  });
} else {
  serve();
}
