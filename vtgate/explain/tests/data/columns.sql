-- Columns of all types; columns.tsv has what MySQL 9.7.4 shows of them in information_schema.columns.
create table all_types (
  id bigint unsigned not null unique,
  b bool not null, t1 tinyint(1), t4 tinyint(4) unsigned, s smallint(5), m mediumint, i int(11), ib integer unsigned zerofill, i6 int(6) zerofill, bi bigint(20) unsigned,
  f float, f2 float(7,3), f30 float(30), d double, d2 double(10,2), dp double precision, r real, de decimal, de2 numeric(12), de3 decimal(10,2) unsigned,
  da date, ti time, ti3 time(3), dt datetime, dt6 datetime(6), ts timestamp, tsn timestamp null default null, ye year,
  c char, c10 char(10), cb char(5) character set binary, nc nchar(4), vc varchar(20), vl varchar(20) character set latin1, vb varchar(10) binary, vcoll varchar(10) collate utf8mb4_bin, va varchar(10) character set ascii collate ascii_bin, nv nvarchar(8), nvc national varchar(8),
  bin binary, bin4 binary(4), vbin varbinary(9), tt tinytext, tx text, txl text character set latin1, mt mediumtext, lt longtext, lv long varchar,
  tb tinyblob, bl blob, mb mediumblob, lb longblob,
  bt bit, bt8 bit(8), en enum('a','it''s') not null, se set('x','y') character set latin1, js json,
  g geometry, p point, gc geometrycollection, u3 varchar(5) charset utf8mb3, u8 varchar(5) collate utf8mb3_unicode_ci,
  inv int invisible, gen int as (i + 1) virtual, gens int as (i + 2) stored, k1 int, k2 int unique, k3 varchar(30), sdv bigint unsigned,
  primary key (k1, i), unique key z (c10), unique key (vc, vl), unique key pre (k3(5)), unique key ex ((i + 1)), key plain (m)
);
create table latin (a varchar(10), b text collate latin1_bin, c enum('x') , d char(3) charset utf8mb4) default charset=latin1;
create table general (a varchar(10), b varchar(10) charset utf8mb4, c varchar(10) binary) collate utf8mb4_general_ci;
