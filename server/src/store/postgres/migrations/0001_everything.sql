-- Everything that Assent keeps. Decision 0011 says why records stand in one table and documents are text.
--
-- Written so that it also suits YugabyteDB, CockroachDB and Citus, none of which has been tested: the realm comes first in
-- every key (Citus distributes by it), ids are random or hashes, no column comes from a sequence, and an index that is
-- ordered by time begins with one of eight buckets, so that what is written now does not all go to the end of one index.
-- Times are milliseconds since 1970, as in the documents: to_timestamp(forget_at / 1000).

-- The format of what stands here. A migration that an older program would misread raises it; a program refuses what is
-- newer than it knows.
CREATE TABLE format (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    number integer NOT NULL
);

INSERT INTO format (number) VALUES (1);

-- One row for each realm, client, user, device, ticket, enrolment, request, prompt, grant, family and message.
CREATE TABLE record (
    realm     text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    id        bytea NOT NULL,    -- a text in UTF-8, 16 random bytes, or the SHA-256 of a secret
    version   bigint NOT NULL,   -- 1, and one more with every write
    document  text NOT NULL,     -- JSON; document::json ->> 'state' reads it. json and jsonb refuse or rewrite some of it
    listed    bytea,             -- what lists it: a device's user; the device of a prompt that has no answer yet
    place     bigint NOT NULL,   -- where in such a list: microseconds of this database's clock at creation
    bucket    smallint NOT NULL, -- 0 to 7, from the id
    due_at    bigint,            -- a message: its next attempt, or the end of its lease
    forget_at bigint,            -- when the sweep takes it; a request takes its prompts along
    PRIMARY KEY (realm, kind, id)
) WITH (fillfactor = 80); -- requests and prompts are replaced soon after they are written, and on the same page

CREATE INDEX record_listed ON record (realm, kind, listed, place) WHERE listed IS NOT NULL;
CREATE INDEX record_due ON record (realm, bucket, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX record_forget ON record (realm, bucket, forget_at) WHERE forget_at IS NOT NULL;
CREATE INDEX record_realms ON record (place) WHERE kind = 'realm';

-- By which names a login_hint may mean a user. The primary key is what makes them unique.
CREATE TABLE identifier (
    realm   text COLLATE "C" NOT NULL,
    name    bytea NOT NULL, -- canonical, UTF-8
    subject bytea NOT NULL,
    PRIMARY KEY (realm, name)
);

CREATE INDEX identifier_subject ON identifier (realm, subject);

-- What may happen once, by the hash of its name, and with what it happened.
CREATE TABLE mark (
    realm     text COLLATE "C" NOT NULL,
    id        bytea NOT NULL,
    value     bytea NOT NULL,
    bucket    smallint NOT NULL,
    forget_at bigint NOT NULL,
    PRIMARY KEY (realm, id)
);

CREATE INDEX mark_forget ON mark (realm, bucket, forget_at);

-- The audit trail: only ever appended to, and swept.
CREATE TABLE audit (
    realm     text COLLATE "C" NOT NULL,
    bucket    smallint NOT NULL,
    at        bigint NOT NULL,
    place     bigint NOT NULL, -- among events of one millisecond: microseconds of this database's clock when written
    id        uuid NOT NULL DEFAULT gen_random_uuid(),
    event     text NOT NULL,   -- JSON
    forget_at bigint NOT NULL,
    PRIMARY KEY (realm, bucket, at, place, id)
);

CREATE INDEX audit_forget ON audit (realm, bucket, forget_at);

-- Ends a statement that found something other than it was decided on, and with it all that the statement wrote. A commit
-- is thereby one statement and one round trip, and holds its locks for no longer. Its SQLSTATE says why.
CREATE FUNCTION refuse(state text, reason text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = state, MESSAGE = reason;
END
$$;

-- Microseconds of this database's clock: one clock for all processes, used for nothing but order.
CREATE FUNCTION microseconds() RETURNS bigint LANGUAGE sql AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;
