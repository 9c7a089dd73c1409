<?php
// What a first page needs: the database of /etc/lamp/database.ini, which this machine made for itself.
$access = parse_ini_file('/etc/lamp/database.ini', false, INI_SCANNER_RAW);
$database = new mysqli('localhost', $access['user'], $access['password'], $access['database']);
header('Content-Type: text/plain');
echo 'PHP ', PHP_VERSION, ', ', $database->query('SELECT VERSION()')->fetch_row()[0], "\n";
