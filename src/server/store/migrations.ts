/** How the database came to its present shape, one step after the other; a step that was released never changes. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE users (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT, isDisabled INTEGER NOT NULL DEFAULT 0,
    quota TEXT NOT NULL, createdAt INTEGER NOT NULL, seenAt INTEGER
  ) STRICT;
  CREATE TABLE invitations (
    hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users ON DELETE CASCADE, expiresAt INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE sessions (
    hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users ON DELETE CASCADE, csrfToken TEXT NOT NULL,
    createdAt INTEGER NOT NULL, usedAt INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, user TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL, createdAt INTEGER NOT NULL, expiresAt INTEGER, usedAt INTEGER
  ) STRICT;

  CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL,
    state TEXT NOT NULL, priority INTEGER NOT NULL, isShared INTEGER NOT NULL, request TEXT NOT NULL,
    idempotencyKey TEXT, requestHash TEXT NOT NULL, retryOf TEXT,
    createdAt INTEGER NOT NULL, startedAt INTEGER, finishedAt INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
    worker TEXT, leaseToken TEXT, leaseUntil INTEGER, process TEXT,
    progress TEXT, steps TEXT NOT NULL DEFAULT '[]', error TEXT, imageId TEXT,
    UNIQUE (owner, idempotencyKey)
  ) STRICT;
  CREATE INDEX jobsByState ON jobs (state, priority DESC, number);
  CREATE INDEX jobsByOwner ON jobs (owner, number);

  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL, data TEXT
  ) STRICT;
  CREATE INDEX eventsBySubject ON events (subject, id);

  CREATE TABLE images (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL,
    jobId TEXT NOT NULL UNIQUE, isShared INTEGER NOT NULL, facts TEXT NOT NULL, files TEXT NOT NULL,
    sizeBytes INTEGER NOT NULL, createdAt INTEGER NOT NULL, removedAt INTEGER, purgeAt INTEGER
  ) STRICT;
  CREATE INDEX imagesByOwner ON images (owner, number);
  CREATE TABLE links (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, imageId TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    createdAt INTEGER NOT NULL, expiresAt INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE profiles (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL,
    isShared INTEGER NOT NULL, recipe TEXT NOT NULL, createdAt INTEGER NOT NULL, changedAt INTEGER NOT NULL,
    UNIQUE (owner, name)
  ) STRICT;
  CREATE TABLE deliveries (
    id TEXT PRIMARY KEY, jobId TEXT NOT NULL UNIQUE, url TEXT NOT NULL, secret TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    dueAt INTEGER NOT NULL, doneAt INTEGER, outcome TEXT
  ) STRICT;
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, user TEXT, action TEXT NOT NULL, target TEXT NOT NULL,
    address TEXT, detail TEXT
  ) STRICT;
  CREATE TABLE usageHistory (
    at INTEGER PRIMARY KEY, freeBytes INTEGER NOT NULL, imagesBytes INTEGER NOT NULL, cacheBytes INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE machines (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL,
    isShared INTEGER NOT NULL, imageId TEXT NOT NULL, facts TEXT NOT NULL, diskBytes INTEGER NOT NULL DEFAULT 0,
    isMade INTEGER NOT NULL DEFAULT 0, error TEXT, testRun TEXT, createdAt INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX machinesByOwner ON machines (owner, number);
  `,
  `
  ALTER TABLE users ADD COLUMN oidc TEXT;
  ALTER TABLE users ADD COLUMN awaitsOidc INTEGER NOT NULL DEFAULT 0;
  CREATE UNIQUE INDEX usersByOidc ON users (oidc);
  ALTER TABLE sessions ADD COLUMN isOidc INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE jobs ADD COLUMN diskBytes INTEGER NOT NULL DEFAULT 0;
  `,
];
