"""Letters by e-mail, in English and French.

`letters` puts one into the transaction of what it tells of, as a parcel that names things and holds no secret; when its time
comes, `carrier` looks up how things stand by then (`contents`), writes it (`render`) and hands it to the mail server (`smtp`).
"""
