-- Whether a sink lacks something of the products feed.
SELECT behind FROM cdc.delivery WHERE sink = %(sink)s AND feed = 'products'
