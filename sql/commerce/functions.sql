-- What the feeds call and PostgreSQL lacks. MySQL has it; PostgreSQL has it in an extension, which not every server may
-- install.

-- SHA-1 (FIPS 180-4) of a text's UTF-8 bytes, in hexadecimal, as MySQL's function of this name. Only the codes of
-- customer groups are made of it, a handful of short texts: fast it is not (a tenth of a millisecond).
CREATE FUNCTION sha1(message text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000
SET search_path = pg_catalog
AS $$
DECLARE
    mask CONSTANT bigint := x'ffffffff'::bigint;
    bytes bytea := convert_to(message, 'UTF8');
    bits CONSTANT bigint := length(bytes) * 8;
    h bigint[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    w bigint[];
    a bigint;
    b bigint;
    c bigint;
    d bigint;
    e bigint;
    f bigint;
    k bigint;
    x bigint;
BEGIN
    -- A one bit, zeros up to eight bytes before a block's end, and the length in those.
    bytes := bytes || '\x80' || decode(repeat('00', (119 - length(bytes) % 64) % 64), 'hex') || int8send(bits);
    FOR block IN 0 .. length(bytes) / 64 - 1 LOOP
        w := '{}';
        FOR t IN 0 .. 15 LOOP
            x := block * 64 + t * 4;
            w[t] := (get_byte(bytes, x::int)::bigint << 24) | (get_byte(bytes, x::int + 1) << 16)
                | (get_byte(bytes, x::int + 2) << 8) | get_byte(bytes, x::int + 3);
        END LOOP;
        FOR t IN 16 .. 79 LOOP
            x := w[t - 3] # w[t - 8] # w[t - 14] # w[t - 16];
            w[t] := ((x << 1) | (x >> 31)) & mask;
        END LOOP;
        a := h[1];
        b := h[2];
        c := h[3];
        d := h[4];
        e := h[5];
        FOR t IN 0 .. 79 LOOP
            IF t < 20 THEN
                f := (b & c) | ((b # mask) & d);
                k := 1518500249;
            ELSIF t < 40 THEN
                f := b # c # d;
                k := 1859775393;
            ELSIF t < 60 THEN
                f := (b & c) | (b & d) | (c & d);
                k := 2400959708;
            ELSE
                f := b # c # d;
                k := 3395469782;
            END IF;
            x := ((((a << 5) | (a >> 27)) & mask) + f + e + k + w[t]) & mask;
            e := d;
            d := c;
            c := ((b << 30) | (b >> 2)) & mask;
            b := a;
            a := x;
        END LOOP;
        h := ARRAY[(h[1] + a) & mask, (h[2] + b) & mask, (h[3] + c) & mask, (h[4] + d) & mask, (h[5] + e) & mask];
    END LOOP;
    RETURN (SELECT string_agg(lpad(to_hex(part), 8, '0'), '' ORDER BY place)
            FROM unnest(h) WITH ORDINALITY AS u (part, place));
END
$$;
