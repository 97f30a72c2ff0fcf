-- The tables that the statements of postgresql.yaml are about.
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE TYPE comp AS (x int, y int);
CREATE TYPE ty AS (id bigint, a int);
CREATE DOMAIN posint AS int CHECK (value > 0);
CREATE DOMAIN freetext AS text;
CREATE SEQUENCE sq;
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE FUNCTION f_imm() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION f_sta() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION f_vol() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN 1; END $$;

CREATE TABLE ref (id bigint PRIMARY KEY, name text);
CREATE TABLE t (
    id bigint PRIMARY KEY,
    a int,
    b text,
    big text,
    vc varchar(10),
    ref_id bigint REFERENCES ref (id),
    other_id bigint,
    nc int CONSTRAINT ck_nc CHECK (nc IS NOT NULL),
    nv int,
    nn int NOT NULL,
    n numeric(10,2),
    ch char(5),
    c cidr,
    j json,
    e mood DEFAULT 'ok',
    u uuid,
    tz timestamptz(3),
    tm time(3),
    iv interval(3),
    vb varbit(8),
    d posint,
    ft freetext,
    arr int[],
    ts timestamp,
    oldser int UNIQUE,
    r int4range,
    ck int CONSTRAINT ck_pos CHECK (ck > 0),
    free int CONSTRAINT ck_droppable CHECK (free > 0),
    slow int
);
CREATE UNIQUE INDEX t_a_uidx ON t (a);
CREATE INDEX t_b_idx ON t (b);
CREATE INDEX t_vc_idx ON t (vc);
CREATE UNIQUE INDEX t_nn_uidx ON t (nn);
CREATE TABLE child (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id));
CREATE INDEX child_t ON child (t_id);
CREATE UNLOGGED TABLE ul (id bigint PRIMARY KEY, x int);
CREATE TABLE idt (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE ser (id serial PRIMARY KEY, a int NOT NULL);
CREATE TABLE loose (id bigint, a int);
CREATE TABLE dom (x posint);
CREATE TABLE inh_parent (id bigint);
CREATE TABLE inh_child () INHERITS (inh_parent);
CREATE TABLE p (id bigint, k int) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000) TO (3000);
CREATE TABLE pd (id bigint, k int) PARTITION BY RANGE (k);
CREATE TABLE pd1 PARTITION OF pd FOR VALUES FROM (0) TO (1000);
CREATE TABLE pd_def PARTITION OF pd DEFAULT;
CREATE TABLE newp (id bigint NOT NULL, k int);
CREATE UNIQUE INDEX newp_u ON newp (id);
CREATE TABLE newp_ck (id bigint NOT NULL, k int NOT NULL, CHECK (k >= 3000 AND k < 4000));
CREATE TABLE viewed (id bigint PRIMARY KEY, b text);
CREATE VIEW v AS SELECT id, b FROM viewed;
CREATE MATERIALIZED VIEW mv AS SELECT nn AS id, slow AS b FROM t;
CREATE UNIQUE INDEX mv_id ON mv (id);

INSERT INTO ref SELECT i, 'n' || i FROM generate_series(1, 100) i;
INSERT INTO t (id, a, b, vc, ref_id, other_id, nc, nv, nn, n, c, j, u, ts, oldser, ck, free, slow, d)
    SELECT i, i, 'b' || i, 'v' || i, 1 + i % 100, 1 + i % 100, i, i, i, i, '10.0.0.0/8', '{}', md5(i::text)::uuid,
           '2020-01-01', i, i, i, i, i
    FROM generate_series(1, 1000) i;
INSERT INTO child SELECT i, i FROM generate_series(1, 1000) i;
INSERT INTO ul SELECT i, i FROM generate_series(1, 1000) i;
INSERT INTO idt (a) SELECT i FROM generate_series(1, 1000) i;
INSERT INTO ser (a) SELECT i FROM generate_series(1, 1000) i;
INSERT INTO loose SELECT i, i FROM generate_series(1, 1000) i;
INSERT INTO dom SELECT i FROM generate_series(1, 1000) i;
INSERT INTO inh_parent SELECT i FROM generate_series(1, 1000) i;
INSERT INTO inh_child SELECT i FROM generate_series(1, 1000) i;
INSERT INTO p SELECT i, i FROM generate_series(0, 2999) i;
INSERT INTO pd SELECT i, i FROM generate_series(0, 2999) i;
INSERT INTO newp SELECT i, i FROM generate_series(3000, 3999) i;
INSERT INTO newp_ck SELECT i, i FROM generate_series(3000, 3999) i;
INSERT INTO viewed SELECT i, 'b' FROM generate_series(1, 1000) i;
REFRESH MATERIALIZED VIEW mv;

ALTER TABLE t ADD CONSTRAINT a_notvalid CHECK (a < 1000000) NOT VALID;
ALTER TABLE t ADD CONSTRAINT ck_nv CHECK (nv IS NOT NULL) NOT VALID;
ALTER TABLE t ADD CONSTRAINT fk_nv FOREIGN KEY (other_id) REFERENCES ref (id) NOT VALID;
CREATE TRIGGER tg BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION trg();
CREATE RULE ru AS ON DELETE TO idt WHERE old.id < 0 DO INSTEAD NOTHING;
CREATE POLICY pol ON ref USING (true);
CREATE STATISTICS st0 ON a, nn FROM t;
CREATE PUBLICATION pubx;
