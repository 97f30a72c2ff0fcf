//! What hangs on PostgreSQL's tables beside their columns, indexes and constraints.

/// One row a table: what hangs on it, as JSON. Joined to the tables looked at by its caller.
///
/// What no other table can take over is told in words: rules, publications, functions whose body
/// or type is bound to the table, row types in other tables' columns, policies of other tables that
/// read it, inheritance, and labels.
pub(super) const ATTACHED: &str = r"SELECT c.oid::bigint, json_build_object(
    'owner', quote_ident(pg_get_userbyid(c.relowner)),
    'grants', (SELECT coalesce(json_agg(json_build_array(
                   CASE WHEN x.grantee = 0 THEN 'PUBLIC'
                        ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
                   x.privilege_type, x.is_grantable)
                   ORDER BY x.grantee, x.privilege_type), '[]')
               FROM aclexplode(c.relacl) x WHERE x.grantee <> c.relowner),
    'comment', obj_description(c.oid, 'pg_class'),
    'triggers', (SELECT coalesce(json_agg(json_build_object(
                     'name', t.tgname, 'definition', pg_get_triggerdef(t.oid),
                     'enabled', t.tgenabled::text) ORDER BY t.tgname), '[]')
                 FROM pg_trigger t
                 WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
                   AND t.tgname !~ '^(zz_)?bellows_(dw|sh)_'),
    'policies', (SELECT coalesce(json_agg(json_build_object(
                     'name', p.polname, 'permissive', p.polpermissive,
                     'command', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'
                         WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                     'roles', (SELECT json_agg(CASE WHEN r = 0 THEN 'PUBLIC'
                                   ELSE quote_ident(pg_get_userbyid(r)) END)
                               FROM unnest(p.polroles) r),
                     'using', pg_get_expr(p.polqual, p.polrelid),
                     'check', pg_get_expr(p.polwithcheck, p.polrelid)) ORDER BY p.polname), '[]')
                 FROM pg_policy p WHERE p.polrelid = c.oid),
    'rowSecurity', c.relrowsecurity,
    'forceRowSecurity', c.relforcerowsecurity,
    'replicaIdentity', CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' END,
    'sequences', (SELECT coalesce(json_agg(json_build_object(
                      'column', a.attname,
                      'sequence', quote_ident(sn.nspname) || '.' || quote_ident(s.relname),
                      'identity', CASE a.attidentity WHEN 'a' THEN 'ALWAYS'
                                       WHEN 'd' THEN 'BY DEFAULT' END,
                      'options', format('START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s %sCYCLE',
                          q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache,
                          CASE WHEN q.seqcycle THEN '' ELSE 'NO ' END),
                      'dataType', CASE WHEN a.attidentity = '' THEN format_type(q.seqtypid, NULL) END,
                      'comment', obj_description(s.oid, 'pg_class'),
                      'grants', (SELECT coalesce(json_agg(json_build_array(
                                     CASE WHEN x.grantee = 0 THEN 'PUBLIC'
                                          ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
                                     x.privilege_type, x.is_grantable)
                                     ORDER BY x.grantee, x.privilege_type), '[]')
                                 FROM aclexplode(s.relacl) x WHERE x.grantee <> s.relowner))
                      ORDER BY a.attnum, s.relname), '[]')
                  FROM pg_depend d
                  JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                  JOIN pg_namespace sn ON sn.oid = s.relnamespace
                  JOIN pg_sequence q ON q.seqrelid = s.oid
                  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
                  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                    AND d.refobjid = c.oid AND d.deptype IN ('a', 'i')),
    'primaryKey', (SELECT json_build_object('name', k.conname,
                       'definition', pg_get_constraintdef(k.oid))
                   FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p'),
    'unlogged', c.relpersistence = 'u',
    'options', (SELECT coalesce(json_agg(o.words ORDER BY o.part, o.n), '[]') FROM (
                    SELECT 1 AS part, u.n, u.words
                      FROM unnest(c.reloptions) WITH ORDINALITY u(words, n)
                    UNION ALL SELECT 2, u.n, 'toast.' || u.words
                      FROM pg_class tc, unnest(tc.reloptions) WITH ORDINALITY u(words, n)
                     WHERE tc.oid = c.reltoastrelid) o),
    'statistics', (SELECT coalesce(json_agg(json_build_object(
                       'name', quote_ident(sn.nspname) || '.' || quote_ident(e.stxname),
                       'definition', pg_get_statisticsobjdef(e.oid),
                       'columns', (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]')
                                   FROM pg_attribute a
                                   WHERE a.attrelid = c.oid
                                     AND a.attnum = ANY (e.stxkeys::int2[])),
                       'target', (SELECT t.target FROM (
                           SELECT (to_jsonb(e) ->> 'stxstattarget')::int AS target) t
                           WHERE t.target >= 0),
                       'owner', quote_ident(pg_get_userbyid(e.stxowner)),
                       'comment', obj_description(e.oid, 'pg_statistic_ext'))
                       ORDER BY e.stxname), '[]')
                   FROM pg_statistic_ext e JOIN pg_namespace sn ON sn.oid = e.stxnamespace
                   WHERE e.stxrelid = c.oid),
    'comments', (SELECT coalesce(json_agg(json_build_object('on', o.kind, 'name', o.name,
                     'text', o.words) ORDER BY o.kind, o.name), '[]') FROM (
            SELECT 'index' AS kind, ic.relname AS name, obj_description(ic.oid, 'pg_class') AS words
              FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = c.oid
            UNION ALL SELECT 'constraint', k.conname, obj_description(k.oid, 'pg_constraint')
              FROM pg_constraint k WHERE k.conrelid = c.oid
            UNION ALL SELECT 'trigger', t.tgname, obj_description(t.oid, 'pg_trigger')
              FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
            UNION ALL SELECT 'policy', p.polname, obj_description(p.oid, 'pg_policy')
              FROM pg_policy p WHERE p.polrelid = c.oid) o WHERE o.words IS NOT NULL),
    'clustered', (SELECT ic.relname FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
                  WHERE i.indrelid = c.oid AND i.indisclustered),
    'replicaIndex', (SELECT ic.relname FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
                     WHERE i.indrelid = c.oid AND i.indisreplident AND c.relreplident = 'i'),
    'unrestored', (SELECT coalesce(json_agg(o.words ORDER BY o.words), '[]') FROM (
            SELECT 'the tablespace ' || ts.spcname || ' of ' || r.relname AS words
              FROM pg_class r JOIN pg_tablespace ts ON ts.oid = r.reltablespace
             WHERE r.oid = c.oid
                OR r.oid IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = c.oid)
            UNION ALL SELECT 'the access method ' || am.amname
              FROM pg_am am WHERE am.oid = c.relam AND am.amname <> 'heap'
            UNION ALL SELECT 'the statistics target of the index ' || ic.relname
              FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
             WHERE i.indrelid = c.oid AND EXISTS (SELECT FROM pg_attribute a
                 WHERE a.attrelid = ic.oid AND a.attstattarget >= 0)) o),
    'computed', (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attgenerated <> ''),
    'viewOptions', (SELECT coalesce(json_agg(DISTINCT jsonb_build_array(
                        CASE WHEN vn.nspname = 'public' THEN '' ELSE vn.nspname || '.' END
                            || v.relname,
                        array_to_string(v.reloptions, ', '))), '[]')
                    FROM pg_depend d
                    JOIN pg_rewrite r ON r.oid = d.objid
                    JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
                    JOIN pg_namespace vn ON vn.oid = v.relnamespace
                    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                      AND d.classid = 'pg_rewrite'::regclass AND v.reloptions IS NOT NULL),
    'anchors', (SELECT coalesce(json_agg(w.words ORDER BY w.words), '[]') FROM (
        SELECT 'the rule ' || r.rulename AS words FROM pg_rewrite r WHERE r.ev_class = c.oid
        UNION SELECT 'the publication ' || p.pubname
          FROM pg_publication_rel pr JOIN pg_publication p ON p.oid = pr.prpubid
         WHERE pr.prrelid = c.oid
        UNION SELECT 'the inheritance from ' || i.inhparent::regclass
          FROM pg_inherits i WHERE i.inhrelid = c.oid
        UNION SELECT 'the inheritance of ' || i.inhrelid::regclass
          FROM pg_inherits i WHERE i.inhparent = c.oid AND c.relkind = 'r'
        UNION SELECT 'the type ' || c.reloftype::regtype WHERE c.reloftype <> 0
        UNION SELECT 'the replica identity by an index' WHERE c.relreplident = 'i'
        UNION SELECT 'the function ' || d.objid::regprocedure
          FROM pg_depend d
         WHERE d.classid = 'pg_proc'::regclass
           AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
             OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (c.reltype, ty.typarray))
        UNION SELECT 'the column ' || d.objid::regclass || '.' || a.attname || ' of its row type'
          FROM pg_depend d
          JOIN pg_attribute a ON a.attrelid = d.objid AND a.attnum = d.objsubid
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_type'::regclass
           AND d.refobjid IN (c.reltype, ty.typarray)
        UNION SELECT 'the policy ' || p.polname || ' of ' || p.polrelid::regclass
          FROM pg_depend d JOIN pg_policy p ON p.oid = d.objid
         WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_class'::regclass
           AND d.refobjid = c.oid AND p.polrelid <> c.oid
        UNION SELECT 'the security label of ' || l.provider
          FROM pg_seclabel l WHERE l.classoid = 'pg_class'::regclass AND l.objoid = c.oid) w)
    )::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_type ty ON ty.oid = c.reltype
 WHERE {ours}";
